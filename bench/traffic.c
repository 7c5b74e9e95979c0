/* bench/traffic.c: see traffic.h. */
#include "bench/traffic.h"

#include <string.h>

#include "bench/bytes.h"
#include "bench/smb.h"

#define HTTP_PORT 80
#define TLS_PORT 443
#define DNS_PORT 53
#define EXCHANGES_MAX 3 /* on one connection */
#define PORT_FIRST 49152
#define PORTS 16384
#define OTHER_HOSTS 60000
#define SERVERS 16

#define NET_CLIENTS 0x0a010001u /* 10.1.0.1: those that send messages */
#define NET_OTHERS 0x0a020001u  /* 10.2.0.1 */
#define NET_SERVERS 0x0ac80001u /* 10.200.0.1: the management point; file servers and others follow */

static void set_ends(struct ends *ends, uint32_t client, uint32_t connection, uint32_t server, uint16_t port)
{
    ends->address[CLIENT] = client;
    ends->port[CLIENT] = (uint16_t)(PORT_FIRST + connection % PORTS);
    ends->address[SERVER] = server;
    ends->port[SERVER] = port;
}

static void set_other_ends(struct traffic *traffic, struct ends *ends, uint16_t port)
{
    uint32_t number = traffic->other_count++;
    set_ends(ends, NET_OTHERS + number % OTHER_HOSTS, number / OTHER_HOSTS,
             NET_SERVERS + 1 + dice_below(traffic->dice, SERVERS), port);
}

/* ---- Messages ---- */

/* The transmission of a script: `ids` holds those of the request and of the reply. */
static void add_script(struct conversation *conversation, enum side sender, const struct script *script,
                       const char *ids)
{
    struct turn *turn = conversation_turn(conversation, sender);
    struct buffer text = buffer_unlimited();
    size_t at = 0;
    turn->script = script;
    turn->facts = script->facts;
    put_utf16(&text, cursor_of(ids, script->place_count * (size_t)ID_CHARACTERS));
    turn->owned = text.bytes;
    for (unsigned i = 0; i < script->place_count; i++) {
        turn_piece(turn, script->bytes.bytes + at, script->places[i] - at);
        turn_piece(turn, text.bytes + i * ID_BYTES, ID_BYTES);
        at = script->places[i] + ID_BYTES;
    }
    turn_piece(turn, script->bytes.bytes + at, script->bytes.length - at);
}

static void add_exchanges(struct traffic *traffic, struct conversation *conversation, unsigned count)
{
    struct messages *messages = &traffic->messages;
    uint32_t number = dice_below(traffic->dice, messages->client_count);
    struct client *client = &messages->clients[number];
    set_ends(&conversation->ends, NET_CLIENTS + number, client->connections++, NET_SERVERS, HTTP_PORT);
    for (unsigned i = 0; i < count; i++) {
        const struct exchange *exchange = client_choose(client, traffic->dice);
        char ids[2 * ID_CHARACTERS + 1];
        guid_new(traffic->dice, ids);
        guid_new(traffic->dice, ids + ID_CHARACTERS);
        add_script(conversation, CLIENT, &exchange->request, ids);
        add_script(conversation, SERVER, &exchange->reply, ids);
    }
}

void traffic_mp(struct traffic *traffic, struct conversation *conversation)
{
    add_exchanges(traffic, conversation, dice_between(traffic->dice, 1, EXCHANGES_MAX));
}

/* ---- Files ---- */

static struct cursor some_noise(struct traffic *traffic, size_t length)
{
    size_t room = traffic->noise.length - length;
    return cursor_of(traffic->noise.bytes + dice_below(traffic->dice, (uint32_t)room + 1), length);
}

#define RANGES 4

/* BITS: the ranges of one file, one after the other (wire.md 1.8). */
static void add_download(struct traffic *traffic, struct conversation *conversation)
{
    char content[ID_CHARACTERS + 1];
    uint32_t most = (uint32_t)traffic->object_max, package = dice_below(traffic->dice, 100);
    guid_new(traffic->dice, content);
    set_other_ends(traffic, &conversation->ends, HTTP_PORT);
    size_t length = dice_between(traffic->dice, most / 4, most), total = RANGES * length;
    for (size_t from = 0; from < total; from += length) {
        struct buffer request = buffer_unlimited(), reply = buffer_unlimited();
        put_format(
            &request,
            "GET /SMS_DP_SMSPKG$/Content_%s.1/sccm?/package%u.wim HTTP/1.1\r\nConnection: Keep-Alive\r\n"
            "Accept: */*\r\nAccept-Encoding: identity\r\nRange: bytes=%zu-%zu\r\nUser-Agent: Microsoft BITS/7.8\r\n"
            "Host: dp01.corp.contoso.test\r\n\r\n",
            content, package, from, from + length - 1);
        put_format(&reply,
                   "HTTP/1.1 206 Partial Content\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes "
                   "%zu-%zu/%zu\r\nContent-Length: %zu\r\nServer: Microsoft-IIS/10.0\r\n\r\n",
                   from, from + length - 1, total, length);
        struct turn *turn = conversation_turn(conversation, CLIENT);
        turn->facts = FACT_REQUEST;
        turn_own(turn, &request);
        turn = conversation_turn(conversation, SERVER);
        turn->facts = FACT_REPLY;
        turn_own(turn, &reply);
        struct cursor noise = some_noise(traffic, length);
        turn_piece(turn, noise.at, noise.left);
    }
}

#define SMB_BLOCK 65536
#define SMB_BLOCK_SMALL 1024

void traffic_bulk(struct traffic *traffic, struct conversation *conversation)
{
    uint32_t kind = dice_below(traffic->dice, 4);
    if (kind < 2) {
        add_download(traffic, conversation);
        return;
    }
    set_other_ends(traffic, &conversation->ends, SMB_PORT);
    unsigned blocks = (unsigned)(RANGES * traffic->object_max / 2 / SMB_BLOCK);
    smb_fill(conversation, traffic->dice, kind == 2, blocks, some_noise(traffic, SMB_BLOCK));
}

/* ---- Others ---- */

/* A TLS 1.2 record with a handshake message (RFC 5246 sections 6.2 and 7.4). */
static void put_handshake(struct buffer *record, unsigned type, const struct buffer *body)
{
    put_be(record, 0x160303, 3);
    put_be(record, body->length + 4, 2);
    put_be(record, type, 1);
    put_be(record, body->length, 3);
    put(record, body->bytes, body->length);
}

static void put_random(struct buffer *buffer, struct dice *dice, unsigned words)
{
    for (unsigned i = 0; i < words; i++)
        put_be(buffer, dice_next(dice), 8);
}

static void add_hello(struct traffic *traffic, struct conversation *conversation, enum side sender)
{
    static const char name[] = "mp02.corp.contoso.test";
    const size_t length = sizeof name - 1;
    struct buffer body = buffer_unlimited(), record = buffer_unlimited();
    put_be(&body, 0x0303, 2);
    put_random(&body, traffic->dice, 4);
    put_be(&body, 0, 1); /* no session to resume */
    if (sender == CLIENT)
        put_be(&body, 4, 2); /* bytes of cipher suites */
    put_be(&body, 0xc030, 2);
    if (sender == CLIENT) {
        put_be(&body, 0x009d, 2);
        put_be(&body, 0x0100, 2); /* one compression method, none */
        put_be(&body, length + 9, 2);
        put_be(&body, 0, 2); /* server name (RFC 6066 section 3) */
        put_be(&body, length + 5, 2);
        put_be(&body, length + 3, 2);
        put_be(&body, 0, 1);
        put_be(&body, length, 2);
        put(&body, name, length);
    } else {
        put_be(&body, 0, 1);
    }
    put_handshake(&record, sender == CLIENT ? 1 : 2, &body);
    turn_own(conversation_turn(conversation, sender), &record);
    buffer_free(&body);
}

#define TLS_RECORDS 4
#define TLS_RECORD_MAX 1500

static void add_tls(struct traffic *traffic, struct conversation *conversation)
{
    set_other_ends(traffic, &conversation->ends, TLS_PORT);
    traffic->truth->tls_flows++;
    add_hello(traffic, conversation, CLIENT);
    add_hello(traffic, conversation, SERVER);
    for (unsigned i = 0; i < TLS_RECORDS; i++) {
        struct cursor noise = some_noise(traffic, dice_between(traffic->dice, 100, TLS_RECORD_MAX));
        struct buffer head = buffer_unlimited();
        put_be(&head, 0x170303, 3); /* application data */
        put_be(&head, noise.left, 2);
        struct turn *turn = conversation_turn(conversation, i % 2 == 0 ? CLIENT : SERVER);
        turn_own(turn, &head);
        turn_piece(turn, noise.at, noise.left);
    }
}

static void add_question(struct traffic *traffic, struct conversation *conversation)
{
    static const char name[] = "\4mp01\4corp\7contoso\4test";
    conversation->datagrams = true;
    set_other_ends(traffic, &conversation->ends, DNS_PORT);
    uint64_t id = dice_below(traffic->dice, 65536);
    for (enum side sender = CLIENT; sender <= SERVER; sender++) {
        struct buffer text = buffer_unlimited();
        put_be(&text, id, 2);
        put_be(&text, sender == CLIENT ? 0x0100 : 0x8180, 2);
        put_be(&text, 1, 2);      /* questions */
        put_be(&text, sender, 2); /* answers */
        put_be(&text, 0, 4);
        put(&text, name, sizeof name);
        put_be(&text, 0x00010001, 4); /* A, IN */
        if (sender == SERVER) {
            put_be(&text, 0xc00c0001, 4); /* the name above; A */
            put_be(&text, 0x0001, 2);
            put_be(&text, 3600, 4);
            put_be(&text, 4, 2);
            put_be(&text, NET_SERVERS, 4);
        }
        turn_own(conversation_turn(conversation, sender), &text);
    }
}

void traffic_mix(struct traffic *traffic, struct conversation *conversation)
{
    uint32_t kind = dice_below(traffic->dice, 100);
    if (kind < 60) {
        add_exchanges(traffic, conversation, 1);
    } else if (kind < 80) {
        add_tls(traffic, conversation);
    } else if (kind < 92) {
        set_other_ends(traffic, &conversation->ends, SMB_PORT);
        struct cursor noise = some_noise(traffic, SMB_BLOCK_SMALL);
        smb_fill(conversation, traffic->dice, kind % 2 == 0, dice_between(traffic->dice, 1, 3), noise);
    } else {
        add_question(traffic, conversation);
    }
}
