/* dissect/configmgr/policy.c: see policy.h.
 *
 * An obfuscated value, little endian (wire.md 7.3):
 *
 *   u32 0x1389 or 0x138A, 40 bytes of key material, u32 20 (length of this header), u32 plain size, u32 cipher size,
 *   u32 ALG_ID, u32 0, ciphertext
 */
#include "dissect/configmgr/policy.h"

#include <openssl/err.h>
#include <openssl/sha.h>
#include <string.h>

/* ---- Obfuscated values ---- */

#define MATERIAL_BYTES 40
#define BLOB_3DES 0x1389u
#define BLOB_AES 0x138Au

static const struct algorithm {
    uint32_t id; /* ALG_ID of CryptoAPI */
    const char *name, *openssl;
    size_t key_bytes;
} ALGORITHMS[] = {
    {0x6603, "3des", "DES-EDE3-CBC", 24},
    {0x660E, "aes-128", "AES-128-CBC", 16},
    {0x6610, "aes-256", "AES-256-CBC", 32},
};

struct blob {
    struct cursor material, cipher;
    uint32_t plain_bytes;
    const struct algorithm *algorithm; /* NULL when it is unknown */
};

static bool blob_starts(struct cursor bytes)
{
    uint32_t version;
    return cursor_le32(&bytes, &version) && (version == BLOB_3DES || version == BLOB_AES);
}

static bool read_blob(struct cursor bytes, struct blob *blob)
{
    uint32_t version, header, cipher_bytes, id, flags;
    if (!blob_starts(bytes) || !cursor_le32(&bytes, &version) ||
        !cursor_take(&bytes, MATERIAL_BYTES, &blob->material) || !cursor_le32(&bytes, &header) ||
        !cursor_le32(&bytes, &blob->plain_bytes) || !cursor_le32(&bytes, &cipher_bytes) || !cursor_le32(&bytes, &id) ||
        !cursor_le32(&bytes, &flags) || cipher_bytes > CCM_SECRET_BYTES_MAX ||
        !cursor_take(&bytes, cipher_bytes, &blob->cipher))
        return false;
    blob->algorithm = NULL;
    for (size_t i = 0; i < sizeof ALGORITHMS / sizeof ALGORITHMS[0]; i++) {
        if (ALGORITHMS[i].id == id)
            blob->algorithm = &ALGORITHMS[i];
    }
    return true;
}

/* CryptDeriveKey with SHA-1: SHA1(0x36.. ^ h) || SHA1(0x5C.. ^ h), h = SHA1(material). */
bool ccm_secret_derive(struct ccm_keys *keys, struct cursor material, uint8_t key[CCM_SECRET_KEY_ROOM])
{
    uint8_t hash[CCM_HASH_BYTES_MAX], block[64];
    if (ccm_hash(keys, CCM_SHA1, material, hash) != SHA_DIGEST_LENGTH)
        return false;
    for (size_t half = 0; half < 2; half++) {
        memset(block, half == 0 ? 0x36 : 0x5C, sizeof block);
        for (size_t i = 0; i < SHA_DIGEST_LENGTH; i++)
            block[i] ^= hash[i];
        if (ccm_hash(keys, CCM_SHA1, cursor_of(block, sizeof block), key + half * SHA_DIGEST_LENGTH) !=
            SHA_DIGEST_LENGTH)
            return false;
    }
    return true;
}

static bool decrypt_blob(struct ccm_keys *keys, const struct blob *blob, struct arena *arena, struct cursor *plain)
{
    static const uint8_t iv[EVP_MAX_IV_LENGTH] = {0};
    uint8_t key[CCM_SECRET_KEY_ROOM] = {0};
    uint8_t *out = arena_alloc(arena, blob->cipher.left + EVP_MAX_BLOCK_LENGTH);
    EVP_CIPHER *cipher = ccm_keys_cipher(keys, blob->algorithm->openssl, false);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int length = 0, rest = 0;
    bool done = out != NULL && cipher != NULL && context != NULL && ccm_secret_derive(keys, blob->material, key) &&
                EVP_DecryptInit_ex2(context, cipher, key, iv, NULL) == 1 &&
                EVP_DecryptUpdate(context, out, &length, blob->cipher.at, (int)blob->cipher.left) == 1 &&
                EVP_DecryptFinal_ex(context, out + length, &rest) == 1;
    OPENSSL_cleanse(key, sizeof key);
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
    ERR_clear_error();
    if (done)
        *plain = cursor_of(out, (size_t)(length + rest));
    return done;
}

bool ccm_secret_reveal(struct ccm_keys *keys, struct cursor blob_bytes, struct arena *arena, struct cursor *plain,
                       const char **problem)
{
    struct blob blob;
    const char *reason = NULL;
    if (!read_blob(blob_bytes, &blob))
        reason = "its header is damaged or cut off";
    else if (blob.algorithm == NULL)
        reason = "its algorithm is not known";
    else if (!decrypt_blob(keys, &blob, arena, plain))
        reason = "it is damaged";
    if (problem != NULL)
        *problem = reason;
    return reason == NULL;
}

/* ---- Looking through a policy ---- */

/* Whether an element or attribute of this name holds what should not be seen, whatever it is marked as. */
static bool is_secret_name(struct text name)
{
    static const char *const words[] = {"password", "passphrase", "secret", "token", "ts_sequence", "privatekey", NULL};
    size_t at;
    for (size_t i = 0; words[i] != NULL; i++) {
        if (text_find_like(name, words[i], &at))
            return true;
    }
    return false;
}

/* Whether what stands in this element is marked as secret. */
static bool is_marked(const struct xml_element *element)
{
    struct text mark = text_trim(xml_attribute(element, "secret"));
    return mark.length > 0 && !text_is(mark, "0") && !text_is_like(mark, "false");
}

/* Whether it must not be shown: marked, or called like a secret. */
static bool is_delicate(const struct xml_element *element)
{
    return is_marked(element) || is_secret_name(element->name) || is_secret_name(xml_attribute(element, "name"));
}

#define BLOB_HEX_MIN (2 * (4 + MATERIAL_BYTES + 20)) /* digits of an obfuscated value's header */

/* The bytes of a text that is an obfuscated value. */
static bool obfuscated(struct ccm_decoder *decoder, struct text text, struct cursor *blob)
{
    static const char *const heads[] = {"89130000", "8A130000"};
    text = text_trim(text);
    if (text.length < BLOB_HEX_MIN || (!text_starts_like(text, heads[0]) && !text_starts_like(text, heads[1])))
        return false;
    if (text.length > 2 * (CCM_SECRET_BYTES_MAX + 64)) {
        limit_hit(&decoder->limits, LIMIT_secret_bytes);
        return false;
    }
    return text_is_hex(text) && text_hex_decode(text, &decoder->arena, blob);
}

static struct text secret_name(const struct xml_element *element)
{
    for (const struct xml_element *at = element; at != NULL; at = at->parent) {
        struct text name = xml_attribute(at, "name");
        if (name.length > 0)
            return name;
        const struct xml_element *sibling = at->parent == NULL ? NULL : xml_child(at->parent, "Name");
        if (sibling != NULL && sibling != at)
            return xml_text(sibling);
    }
    return TEXT_NULL;
}

/* Instances such as CCM_CollectionVariable have a property Name beside the property Value: all their secrets are called
 * Value, and only the other one tells which variable it is. */
static struct text variable_name(const struct xml_element *element)
{
    while (element != NULL && !text_is_like(element->name, "property"))
        element = element->parent;
    if (element == NULL || element->parent == NULL || !text_is_like(xml_attribute(element, "name"), "Value"))
        return TEXT_NULL;
    const struct xml_element *other = element->parent->child;
    for (; other != NULL; other = other->next) {
        if (!text_is_like(other->name, "property") || !text_is_like(xml_attribute(other, "name"), "Name") ||
            is_marked(other))
            continue;
        struct text value = text_trim(xml_text(xml_child(other, "value")));
        return value.length > 0 ? value : text_trim(xml_text(other));
    }
    return TEXT_NULL;
}

static struct text class_of(const struct xml_element *element)
{
    for (; element != NULL; element = element->parent) {
        struct text name = xml_attribute(element, "class");
        if (name.length > 0)
            return name;
    }
    return TEXT_NULL;
}

static void reveal(struct ccm_decoder *decoder, struct cursor blob, struct ccm_secret *secret)
{
    struct cursor plain;
    const char *encoding;
    bool odd;
    if (!ccm_secret_reveal(decoder->keys, blob, &decoder->arena, &plain, &secret->problem))
        return;
    /* Plain text has no byte order mark: it is UTF-16LE. */
    struct text value = text_from_utf16(&decoder->arena, plain, false, &odd);
    if (cursor_starts(plain, "\xFF\xFE", 2))
        value = ccm_text_decode(plain, &decoder->arena, &encoding, &odd);
    while (value.length > 0 && value.at[value.length - 1] == '\0')
        value.length--;
    secret->value = text_clean(&decoder->arena, text_cursor(value));
}

struct text ccm_secret_text(struct ccm_decoder *decoder, struct text hex)
{
    struct ccm_secret secret = {0};
    struct cursor bytes;
    if (obfuscated(decoder, hex, &bytes))
        reveal(decoder, bytes, &secret);
    return secret.value;
}

static void add_secret(struct ccm_decoder *decoder, const struct xml_element *element, bool show,
                       struct ccm_policy *policy)
{
    struct ccm_secret secret = {.property = secret_name(element), .class_name = class_of(element)};
    struct text variable = variable_name(element);
    secret.name = variable.length > 0 ? variable : secret.property;
    struct cursor bytes;
    struct blob blob;
    policy->has_secret = true;
    if (policy->secret_count++ >= CCM_SECRETS_MAX) {
        limit_hit(&decoder->limits, LIMIT_secrets);
        return;
    }
    if (obfuscated(decoder, element->text, &bytes)) {
        secret.obfuscation = "unknown";
        if (read_blob(bytes, &blob)) {
            secret.bytes = blob.plain_bytes;
            secret.obfuscation = blob.algorithm == NULL ? "unknown" : blob.algorithm->name;
        } else {
            secret.problem = "its header is damaged or cut off";
        }
        if (show)
            reveal(decoder, bytes, &secret);
    } else {
        struct text value = text_trim(element->text);
        secret.bytes = value.length;
        if (show)
            secret.value = value;
    }
    policy->secrets[policy->secret_count - 1] = secret;
}

/* The next element in document order below `top`. */
static const struct xml_element *next_element(const struct xml_element *element, const struct xml_element *top)
{
    if (element->child != NULL)
        return element->child;
    while (element != top && element->next == NULL)
        element = element->parent;
    return element == top ? NULL : element->next;
}

/* Whether the element, or one that it stands in, is so. */
static bool is_under(const struct xml_element *element, bool (*is)(const struct xml_element *))
{
    for (; element != NULL; element = element->parent) {
        if (is(element))
            return true;
    }
    return false;
}

/* Texts that are still to be looked through: the body, and what was compressed inside. */
struct layers {
    struct {
        struct text body;
        unsigned depth; /* 0: the body itself */
    } items[CCM_POLICY_STREAMS_MAX + 1];
    size_t count;
};

/* Text that is the hex of a zlib stream of XML (wire.md 7.2): a compressed policy, or collection settings. */
static bool read_compressed(struct ccm_decoder *decoder, struct text text, unsigned depth, struct layers *layers)
{
    struct cursor packed, plain;
    const char *encoding;
    bool odd;
    text = text_trim(text);
    if (text.length < 16 || text.at[0] != '7' || text.at[1] != '8' || !text_is_hex(text))
        return false;
    if (depth >= CCM_POLICY_LAYERS_MAX || layers->count > CCM_POLICY_STREAMS_MAX) {
        limit_hit(&decoder->limits, LIMIT_policy_streams);
        return false;
    }
    if (!text_hex_decode(text, &decoder->arena, &packed))
        return false;
    /* One place is taken also by a stream that is damaged: the limit is one of work. */
    size_t place = layers->count++;
    layers->items[place].body = TEXT_NULL;
    layers->items[place].depth = depth + 1;
    if (ccm_inflate(&decoder->inflater, packed, &plain, NULL) != OUTCOME_OK)
        return false;
    struct text body = ccm_text_decode(plain, &decoder->arena, &encoding, &odd);
    layers->items[place].body = text_copy(&decoder->arena, body); /* it may be a view of what the next one overwrites */
    return true;
}

static void read_layer(struct ccm_decoder *decoder, struct text body, bool show, unsigned depth, struct layers *layers,
                       struct ccm_policy *policy)
{
    struct xml_document document = {0};
    struct cursor bytes;
    const char *nul = body.length == 0 ? NULL : memchr(body.at, 0, body.length);
    if (nul != NULL) /* its terminator */
        body.length = (size_t)(nul - body.at);
    enum outcome outcome = ccm_xml_parse(decoder, text_trim(body), &document, NULL);
    if (depth == 0)
        policy->outcome = outcome;
    /* The elements before an error are looked at too. */
    if (document.root == NULL)
        return;
    if (depth == 0 || text_is(policy->document.root->name, "PolicyXML")) {
        policy->text = body;
        policy->document = document;
    }
    const struct xml_element *element = document.root;
    for (; element != NULL; element = next_element(element, document.root)) {
        policy->has_secret = policy->has_secret || is_marked(element);
        if (text_trim(element->text).length == 0)
            continue;
        if (read_compressed(decoder, element->text, depth, layers))
            continue;
        if (is_under(element, is_marked) || obfuscated(decoder, element->text, &bytes))
            add_secret(decoder, element, show, policy);
    }
}

void ccm_policy_read(struct ccm_decoder *decoder, struct text body, bool show, struct ccm_policy *policy)
{
    size_t at;
    struct layers layers = {.count = 1};
    *policy = (struct ccm_policy){.text = body};
    policy->has_secret = text_find_like(body, "secret=\"1\"", &at); /* also where it cannot be parsed */
    layers.items[0].body = body;
    for (size_t i = 0; i < layers.count; i++) {
        if (i == 0 || policy->document.root != NULL)
            read_layer(decoder, layers.items[i].body, show, layers.items[i].depth, &layers, policy);
    }
}

/* ---- Printing without secrets ---- */

#define HIDDEN "[hidden]"
#define HEX_SHOWN_MAX 64 /* a longer run of hex digits may be an obfuscated value or a compressed body */

static bool put(struct buffer *out, struct text text)
{
    return text.length == 0 || buffer_append(out, text_cursor(text));
}

static bool has_long_hex(struct text text)
{
    size_t run = 0;
    for (size_t i = 0; i < text.length && run <= HEX_SHOWN_MAX; i++)
        run = text_is_hex((struct text){text.at + i, 1}) ? run + 1 : 0;
    return run > HEX_SHOWN_MAX;
}

/* Character data or an attribute value, escaped (XML 1.0 section 2.4). */
static bool put_escaped(struct buffer *out, struct text text, bool hide)
{
    if (hide || has_long_hex(text))
        return put(out, TEXT(HIDDEN));
    bool room = true;
    for (size_t i = 0; room && i < text.length; i++) {
        char c = text.at[i];
        const char *name = c == '<' ? "&lt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : NULL;
        room = put(out, name != NULL ? text_of(name) : (struct text){text.at + i, 1});
    }
    return room;
}

static bool put_start(struct buffer *out, const struct xml_element *element, bool hide)
{
    bool room = put(out, TEXT("<")) && put(out, element->name);
    for (const struct xml_attribute *at = element->attributes; room && at != NULL; at = at->next)
        room = put(out, TEXT(" ")) && put(out, at->name) && put(out, TEXT("=\"")) &&
               put_escaped(out, at->value, hide && is_secret_name(at->name)) && put(out, TEXT("\""));
    return room && put(out, TEXT(">"));
}

static bool put_end(struct buffer *out, const struct xml_element *element)
{
    return put(out, TEXT("</")) && put(out, element->name) && put(out, TEXT(">"));
}

bool ccm_policy_print_hidden(const struct ccm_policy *policy, struct buffer *out)
{
    const struct xml_element *element = policy->document.root, *top = element;
    bool room = true;
    while (room && element != NULL) {
        struct text text = text_trim(element->text);
        bool hide = text.length > 0 && is_under(element, is_delicate);
        room = put_start(out, element, true) && put_escaped(out, text, hide);
        if (element->child != NULL) {
            element = element->child;
            continue;
        }
        room = room && put_end(out, element);
        while (room && element != top && element->next == NULL) {
            element = element->parent;
            room = put_end(out, element);
        }
        element = element == top ? NULL : element->next;
    }
    return room;
}

/* ---- Hashes as assignments write them: "SHA256:hex", or hex whose length tells (wire.md 5.6) ---- */

static int hash_rank(struct text *hash)
{
    static const struct {
        const char *prefix;
        size_t digits;
    } ranks[CCM_POLICY_HASHES] = {{"MD5:", 32}, {"SHA1:", 40}, {"SHA256:", 64}};
    *hash = text_trim(*hash);
    for (int i = 0; i < CCM_POLICY_HASHES; i++) {
        size_t prefix = strlen(ranks[i].prefix);
        if (text_starts_like(*hash, ranks[i].prefix) && hash->length == prefix + ranks[i].digits) {
            *hash = (struct text){hash->at + prefix, ranks[i].digits};
            return i;
        }
        if (hash->length == ranks[i].digits)
            return i;
    }
    return -1;
}

int ccm_policy_compare(const struct text named[2], const struct text bodies[CCM_POLICY_HASHES])
{
    struct text hashes[2] = {named[0], named[1]};
    int rank[2] = {hash_rank(&hashes[0]), hash_rank(&hashes[1])};
    int best = rank[1] >= rank[0] ? 1 : 0;
    if (rank[best] < 0 || bodies[rank[best]].at == NULL)
        return -1;
    struct text body = bodies[rank[best]];
    return text_equal_like(hashes[best], body);
}
