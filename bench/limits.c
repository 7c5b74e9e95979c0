/* bench/limits.c: what the libraries cost by themselves, on the bytes of a generated capture.
 *
 *   limits read CAPTURE   reads it with pcap_dispatch and an empty callback; the caller takes the process's time
 *   limits parts PARTS    inflates every payload (libdeflate), parses every body (libxml2, SAX2 with empty callbacks, from
 *                         UTF-8, which is faster than from UTF-16), verifies every signature (OpenSSL); each by itself
 *
 * Both tell counts, the second also processor seconds, as one JSON object on one line. The sum of the three is the floor
 * under any program that inflates, parses and verifies everything.
 */
#define _DEFAULT_SOURCE /* u_char of pcap.h, clock_gettime */
#include <libdeflate.h>
#include <libxml/parser.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/bytes.h"
#include "bench/parts.h"

#define PLAIN_MAX ((size_t)64 << 20) /* of one payload */
#define TERMINATOR 4                 /* after the XML of a compressed payload: U+0000, and CR LF as two bytes */

/* ---- libpcap ---- */

static void count_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
    (void)header;
    (void)bytes;
    ++*(unsigned long long *)(void *)user;
}

static int read_capture(const char *path)
{
    char error[PCAP_ERRBUF_SIZE];
    unsigned long long packets = 0;
    pcap_t *capture = pcap_open_offline(path, error);
    if (capture == NULL)
        die("cannot read the capture", error);
    while (pcap_dispatch(capture, -1, count_packet, (u_char *)&packets) > 0)
        continue;
    pcap_close(capture);
    printf("{\"packets\":%llu}\n", packets);
    return 0;
}

/* ---- The parts ---- */

struct check {
    EVP_PKEY_CTX *key;
    struct cursor covered, signature;
};

struct item {
    struct cursor payload;
    bool compressed;
    struct buffer text; /* the XML as UTF-16, inflated beforehand */
    struct check checks[2];
    unsigned check_count;
};

struct parts {
    struct buffer file;
    EVP_PKEY_CTX **keys; /* each ready to verify */
    uint32_t key_count;
    struct item *items;
    uint32_t item_count;
    struct cursor uses;
};

static uint32_t take_number(struct cursor *file)
{
    uint32_t number;
    struct cursor bytes;
    if (!cursor_take(file, sizeof number, &bytes))
        die("the parts are cut off", NULL);
    memcpy(&number, bytes.at, sizeof number);
    return number;
}

static struct cursor take(struct cursor *file, size_t length)
{
    struct cursor bytes;
    if (!cursor_take(file, length, &bytes))
        die("the parts are cut off", NULL);
    return bytes;
}

static struct buffer read_file(const char *path)
{
    uint8_t block[65536];
    struct buffer bytes = buffer_unlimited();
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        die("cannot read", path);
    for (size_t length; (length = fread(block, 1, sizeof block, file)) > 0;)
        put(&bytes, block, length);
    fclose(file);
    return bytes;
}

static EVP_PKEY_CTX *read_key(struct cursor der)
{
    const unsigned char *at = der.at;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)der.left);
    EVP_PKEY_CTX *context = key == NULL ? NULL : EVP_PKEY_CTX_new(key, NULL);
    if (context == NULL || EVP_PKEY_verify_init(context) != 1 ||
        EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) != 1)
        die("OpenSSL does not take a key", NULL);
    EVP_PKEY_free(key);
    return context;
}

static size_t inflate(struct libdeflate_decompressor *decompressor, struct cursor payload, uint8_t *plain)
{
    size_t length;
    if (libdeflate_zlib_decompress(decompressor, payload.at, payload.left, plain, PLAIN_MAX, &length) !=
        LIBDEFLATE_SUCCESS)
        die("a payload does not inflate", NULL);
    return length;
}

static void read_item(struct parts *parts, struct cursor *file, struct libdeflate_decompressor *decompressor,
                      uint8_t *plain, struct item *item)
{
    item->compressed = take_number(file) != 0;
    item->payload = take(file, take_number(file));
    item->text = buffer_unlimited();
    if (item->compressed)
        put(&item->text, plain, inflate(decompressor, item->payload, plain) - TERMINATOR);
    else if (item->payload.left > 2)
        put(&item->text, item->payload.at + 2, item->payload.left - 2); /* after the byte order mark */
    item->check_count = take_number(file);
    for (unsigned i = 0; i < item->check_count; i++) {
        struct check *check = &item->checks[i];
        check->key = parts->keys[take_number(file)];
        check->covered = take(file, take_number(file));
        check->signature = take(file, PARTS_SIGNATURE);
    }
}

static void parts_read(struct parts *parts, const char *path)
{
    uint8_t *plain = allocate(PLAIN_MAX, 1);
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    parts->file = read_file(path);
    struct cursor file = buffer_cursor(&parts->file);
    parts->key_count = take_number(&file);
    parts->keys = allocate(parts->key_count, sizeof(EVP_PKEY_CTX *));
    for (uint32_t i = 0; i < parts->key_count; i++)
        parts->keys[i] = read_key(take(&file, take_number(&file)));
    parts->item_count = take_number(&file);
    parts->items = allocate(parts->item_count, sizeof *parts->items);
    for (uint32_t i = 0; i < parts->item_count; i++)
        read_item(parts, &file, decompressor, plain, &parts->items[i]);
    parts->uses = file;
    libdeflate_free_decompressor(decompressor);
    free(plain);
}

static void parts_free(struct parts *parts)
{
    for (uint32_t i = 0; i < parts->item_count; i++)
        buffer_free(&parts->items[i].text);
    for (uint32_t i = 0; i < parts->key_count; i++)
        EVP_PKEY_CTX_free(parts->keys[i]);
    free(parts->items);
    free(parts->keys);
    buffer_free(&parts->file);
}

/* ---- What is measured ---- */

struct work {
    const struct parts *parts;
    struct libdeflate_decompressor *decompressor;
    uint8_t *scratch;
    unsigned long long count, bytes; /* things done; bytes that came out, or that were read */
};

static void inflate_item(struct work *work, const struct item *item)
{
    if (!item->compressed)
        return;
    work->bytes += inflate(work->decompressor, item->payload, work->scratch);
    work->count++;
}

/* libxml2 says which parameters. NOLINTNEXTLINE(readability-function-size) */
static void count_element(void *user, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int namespaces,
                          const xmlChar **namespace, int attributes, int defaulted, const xmlChar **attribute)
{
    (void)name, (void)prefix, (void)uri, (void)namespaces, (void)namespace, (void)attributes, (void)defaulted,
        (void)attribute;
    ++*(unsigned long long *)user;
}

static void parse_item(struct work *work, const struct item *item)
{
    static xmlSAXHandler handler = {.initialized = XML_SAX2_MAGIC, .startElementNs = count_element};
    unsigned long long elements = 0;
    size_t length = item->text.length / 2;
    if (length == 0)
        return;
    for (size_t i = 0; i < length; i++) /* all of it is ASCII */
        work->scratch[i] = item->text.bytes[2 * i];
    if (xmlSAXUserParseMemory(&handler, &elements, (const char *)work->scratch, (int)length) != 0 || elements == 0)
        die("a body does not parse", NULL);
    work->bytes += item->text.length;
    work->count++;
}

static void verify_item(struct work *work, const struct item *item)
{
    for (unsigned i = 0; i < item->check_count; i++) {
        const struct check *check = &item->checks[i];
        uint8_t digest[EVP_MAX_MD_SIZE], signature[PARTS_SIGNATURE];
        unsigned length;
        for (size_t j = 0; j < sizeof signature; j++)
            signature[j] = check->signature.at[sizeof signature - 1 - j];
        if (EVP_Digest(check->covered.at, check->covered.left, digest, &length, EVP_sha256(), NULL) != 1 ||
            EVP_PKEY_verify(check->key, signature, sizeof signature, digest, length) != 1)
            die("a signature is not valid", NULL);
        work->bytes += check->covered.left;
        work->count++;
    }
}

static double processor_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void measure(const char *name, struct work *work, void (*one)(struct work *, const struct item *))
{
    double start = processor_seconds();
    struct cursor uses = work->parts->uses;
    work->count = work->bytes = 0;
    while (uses.left > 0) {
        uint32_t number = take_number(&uses);
        if (number >= work->parts->item_count)
            die("the parts name an item that is not there", NULL);
        one(work, &work->parts->items[number]);
    }
    printf("\"%s\":{\"seconds\":%.4f,\"count\":%llu,\"bytes\":%llu}", name, processor_seconds() - start, work->count,
           work->bytes);
}

static int measure_parts(const char *path)
{
    struct parts parts = {0};
    parts_read(&parts, path);
    struct work work = {&parts, libdeflate_alloc_decompressor(), allocate(PLAIN_MAX, 1), 0, 0};
    xmlInitParser();
    printf("{");
    measure("inflate", &work, inflate_item);
    printf(",");
    measure("parse", &work, parse_item);
    printf(",");
    measure("verify", &work, verify_item);
    printf("}\n");
    libdeflate_free_decompressor(work.decompressor);
    free(work.scratch);
    xmlCleanupParser();
    parts_free(&parts);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "read") == 0)
        return read_capture(argv[2]);
    if (argc == 3 && strcmp(argv[1], "parts") == 0)
        return measure_parts(argv[2]);
    fputs("usage: limits read CAPTURE | limits parts PARTS\n", stderr);
    return 2;
}
