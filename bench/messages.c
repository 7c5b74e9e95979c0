/* bench/messages.c: see messages.h. */
#include "bench/messages.h"

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bodies.h"
#include "bench/bytes.h"

#define BOUNDARY "aAbBcCdDv1234567890VxXyYzZ"
#define MP_NAME "mp01.corp.contoso.test"
#define NO_ID "00000000-0000-0000-0000-000000000000" /* where an id will stand */
#define COMPRESSION_LEVEL 6
#define CHUNKED_EACH 5 /* one reply in so many is sent in chunks */
#define TIME_TEXT "2026-11-01T10:00:00Z"

/* What clients say to one endpoint. The body repeats its part `least` to `most` times, that of the reply so too. */
struct kind {
    const char *endpoint, *file_type, *attachment;
    bool is_signed;
    unsigned variants; /* exchanges of this kind that a client has */
    unsigned weight;   /* of each */
    body_writer *request;
    unsigned least, most;
    body_writer *reply; /* NULL: the message is posted, and answered with NoReply */
    unsigned reply_least, reply_most;
};

#define DISCOVERY "{00000000-0000-0000-0000-000000000003}"
#define HARDWARE "{00000000-0000-0000-0000-000000000001}"

static const struct kind KINDS[] = {
    {"MP_PolicyManager", NULL, NULL, true, 3, 10, body_policy_request, 1, 1, body_policy_reply, 2, 25},
    {"MP_LocationManager", NULL, NULL, false, 3, 5, body_location_request, 1, 1, body_location_reply, 1, 8},
    {"MP_RelayEndpoint", "SMX", NULL, true, 4, 8, body_state, 1, 30, NULL, 0, 0},
    {"MP_DdrEndpoint", NULL, DISCOVERY, true, 1, 8, body_discovery, 12, 20, NULL, 0, 0},
    {"MP_HinvEndpoint", NULL, HARDWARE, true, 2, 4, body_hardware, 10, 120, NULL, 0, 0},
    {"MP_HinvEndpoint", NULL, HARDWARE, true, 1, 1, body_hardware, 300, 700, NULL, 0, 0},
};
#define KIND_COUNT (sizeof KINDS / sizeof KINDS[0])

#define POLICY_VARIANTS 2 /* policy downloads that a client has */
#define POLICY_WEIGHT 15
#define POLICY_RULES_MAX 12
#define REGISTRATION_WEIGHT 1

/* Work on one client. */
struct maker {
    struct messages *messages;
    struct client *client;
    struct dice *dice;
    struct libdeflate_compressor *compressor;
    struct buffer public_key, id_signature; /* hex, for the header */
    struct signature id;
};

void guid_new(struct dice *dice, char text[ID_CHARACTERS + 1])
{
    uint64_t high = dice_next(dice), low = dice_next(dice);
    snprintf(text, ID_CHARACTERS + 1, "%08X-%04X-4%03X-A%03X-%012llX", (uint32_t)(high >> 32),
             (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xfff), (unsigned)(low >> 48 & 0xfff),
             (unsigned long long)(low & 0xffffffffffff));
}

/* ---- Payloads ---- */

/* UTF-16 of the XML with its terminator, and the two bytes that the SDK adds (wire.md 4.2), compressed. Returns the Body
 * Length. */
static size_t make_payload(struct maker *maker, const struct buffer *xml, struct buffer *payload)
{
    struct buffer plain = buffer_unlimited();
    put_utf16(&plain, buffer_cursor(xml));
    put_zeros(&plain, 2);
    size_t length = plain.length;
    put(&plain, "\r\n", 2);
    size_t room = libdeflate_zlib_compress_bound(maker->compressor, plain.length);
    uint8_t *out = allocate(room, 1);
    put(payload, out, libdeflate_zlib_compress(maker->compressor, plain.bytes, plain.length, out, room));
    free(out);
    buffer_free(&plain);
    return length;
}

static struct signature sign(const struct client *client, struct cursor bytes)
{
    struct signature signature = {.covered = buffer_unlimited()};
    put(&signature.covered, bytes.at, bytes.left);
    key_sign(client->key, bytes, signature.bytes);
    return signature;
}

static void script_sign(struct script *script, const struct client *client, struct cursor bytes)
{
    script->signatures[script->signature_count++] = sign(client, bytes);
}

static struct cursor text_bytes(const char *text)
{
    return cursor_of(text, strlen(text));
}

/* ---- Headers (wire.md 3) ---- */

/* Writes an id that each transmission has anew, and notes where it stands: in UTF-16 twice as far. */
static void put_place(struct script *script, struct buffer *header)
{
    script->places[script->place_count++] = 2 * header->length;
    put_format(header, NO_ID);
}

static void put_authentication(const struct maker *maker, const struct script *script, struct buffer *header)
{
    put_format(
        header,
        "<Hook2 Name=\"clientauth\"><Property Name=\"AuthSenderMachine\">%s</Property><Property Name=\"PublicKey\">",
        maker->client->name);
    put(header, maker->public_key.bytes, maker->public_key.length);
    put_format(header, "</Property><Property Name=\"ClientIDSignature\">");
    put(header, maker->id_signature.bytes, maker->id_signature.length);
    put_format(header, "</Property><Property Name=\"PayloadSignature\">");
    put_hex(header, cursor_of(script->signatures[0].bytes, KEY_BYTES));
    put_format(header,
               "</Property><Property Name=\"ClientCapabilities\">NonSSL</Property><Property Name=\"HashAlgorithm\">"
               "1.2.840.113549.1.1.11</Property></Hook2>");
}

static void put_request_header(const struct maker *maker, const struct kind *kind, size_t length, struct script *script,
                               struct buffer *header)
{
    const struct client *client = maker->client;
    put_format(
        header,
        "<Msg ReplyCompression=\"zlib\" SchemaVersion=\"1.1\"><Body Type=\"ByteRange\" Length=\"%zu\" Offset=\"0\" />",
        length);
    if (kind->attachment != NULL)
        put_format(header, "<Attachment Type=\"ByteRange\" Name=\"%s\" Length=\"%zu\" Offset=\"0\" />",
                   kind->attachment, length - 2);
    put_format(header, "<CorrelationID>{" NO_ID "}</CorrelationID><Hooks>");
    if (kind->is_signed)
        put_authentication(maker, script, header);
    put_format(header, "<Hook3 Name=\"zlib-compress\" /></Hooks><ID>{");
    put_place(script, header);
    put_format(header, "}</ID><Payload Type=\"inline\" /><Priority>0</Priority>");
    if (kind->file_type != NULL)
        put_format(header, "<Property Name=\"FileType\" Value=\"%s\" />", kind->file_type);
    put_format(header,
               "<Protocol>http</Protocol><ReplyMode>%s</ReplyMode><ReplyTo>direct:%s:SccmMessaging</"
               "ReplyTo><SentTime>" TIME_TEXT
               "</SentTime><SourceID>%s</SourceID><SourceHost>%s</SourceHost><TargetAddress>mp:%s</TargetAddress>"
               "<TargetEndpoint>%s</TargetEndpoint><TargetHost>" MP_NAME "</TargetHost><Timeout>60000</Timeout></Msg>",
               kind->reply != NULL ? "Sync" : "Async", client->name, kind->is_signed ? client->id : "", client->name,
               kind->endpoint, kind->endpoint);
}

static void put_reply_header(const struct maker *maker, const struct kind *kind, size_t length, struct script *script,
                             struct buffer *header)
{
    const char *name = maker->client->name;
    put_format(header, "<Msg SchemaVersion=\"1.1\"><CorrelationID>{");
    put_place(script, header);
    put_format(header, "}</CorrelationID><ID>{");
    put_place(script, header);
    put_format(header,
               "}</ID><SourceHost>MP01</SourceHost><TargetAddress>direct:%s:SccmMessaging</"
               "TargetAddress><ReplyTo>MP:%s</ReplyTo>"
               "<TargetHost>%s</TargetHost><TargetEndpoint>SccmMessaging</TargetEndpoint><ReplyMode>Sync</"
               "ReplyMode><Protocol>http"
               "</Protocol><SentTime>" TIME_TEXT
               "</SentTime><Body Type=\"ByteRange\" Offset=\"0\" Length=\"%zu\"/><Hooks><Hook3 "
               "Name=\"zlib-compress\"/></Hooks><Payload Type=\"inline\"/><Priority>0</Priority></Msg>",
               name, kind->endpoint, name, length);
}

/* ---- HTTP (wire.md 2) ---- */

/* Both parts; places are moved from the header to where it stands now. */
static void put_multipart(struct script *script, const struct buffer *header, struct buffer *body)
{
    put_format(body, "--" BOUNDARY "\r\ncontent-type: text/plain; charset=UTF-16\r\n\r\n\xff\xfe");
    for (unsigned i = 0; i < script->place_count; i++)
        script->places[i] += body->length;
    put_utf16(body, buffer_cursor(header));
    put_format(body, "\r\n--" BOUNDARY "\r\ncontent-type: application/octet-stream\r\n\r\n");
    put(body, script->payload.bytes, script->payload.length);
    put_format(body, "\r\n--" BOUNDARY "--");
}

/* Puts head and body together; the head lacks the header that tells the length, and the empty line. In chunks (RFC 9112
 * section 7.1) the first one holds all places: headers of replies are shorter than it. */
static void script_finish(struct script *script, const char *head, const struct buffer *body, struct dice *dice)
{
    struct buffer *bytes = &script->bytes;
    put_format(bytes, "%s", head);
    bool chunked = dice != NULL && dice_below(dice, CHUNKED_EACH) == 0;
    if (chunked)
        put_format(bytes, "Transfer-Encoding: chunked\r\n\r\n");
    else
        put_format(bytes, "Content-Length: %zu\r\n\r\n", body->length);
    script->head = bytes->length;
    for (size_t at = 0, chunk; at < body->length; at += chunk) {
        chunk = chunked ? dice_between(dice, 4096, 8192) : body->length;
        if (chunk > body->length - at)
            chunk = body->length - at;
        if (chunked)
            put_format(bytes, "%zX\r\n", chunk);
        for (unsigned i = 0; i < script->place_count && at == 0; i++)
            script->places[i] += bytes->length;
        put(bytes, body->bytes + at, chunk);
        if (chunked)
            put_format(bytes, "\r\n");
    }
    if (chunked)
        put_format(bytes, "0\r\n\r\n");
}

#define REQUEST_HEAD                                                                                                   \
    "CCM_POST /ccm_system/request HTTP/1.1\r\nConnection: Keep-Alive\r\nContent-Type: multipart/mixed; "               \
    "boundary=\"" BOUNDARY "\"\r\nUser-Agent: SMS CCM 5.0\r\nHost: " MP_NAME "\r\n"
#define REPLY_HEAD                                                                                                     \
    "HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=\"" BOUNDARY "\"\r\nServer: Microsoft-IIS/10.0\r\n"    \
    "X-Powered-By: ASP.NET\r\nDate: Sun, 01 Nov 2026 10:00:00 GMT\r\n"

static void script_init(struct maker *maker, struct script *script, unsigned facts)
{
    *script = (struct script){.bytes = buffer_unlimited(), .payload = buffer_unlimited(), .facts = facts};
    script->number = maker->messages->script_count++;
}

/* ---- Exchanges ---- */

static void make_request(struct maker *maker, const struct kind *kind, const struct buffer *xml, struct script *script)
{
    struct buffer header = buffer_unlimited(), body = buffer_unlimited();
    size_t length = make_payload(maker, xml, &script->payload);
    script->compressed = true;
    if (kind->is_signed) {
        script->facts |= FACT_SIGNED;
        script_sign(script, maker->client, buffer_cursor(&script->payload));
        script_sign(script, maker->client, buffer_cursor(&maker->id.covered));
    }
    put_request_header(maker, kind, length, script, &header);
    put_multipart(script, &header, &body);
    script_finish(script, REQUEST_HEAD, &body, NULL);
    buffer_free(&header);
    buffer_free(&body);
}

static void make_reply(struct maker *maker, const struct kind *kind, const struct speaker *speaker,
                       struct script *script)
{
    struct buffer xml = buffer_unlimited(), header = buffer_unlimited(), body = buffer_unlimited();
    script_init(maker, script, FACT_REPLY | FACT_MESSAGE);
    if (kind->reply == NULL) {
        put_format(&body, "--" BOUNDARY "\r\ncontent-type: text/plain; charset=UTF-16\r\n\r\n\xff\xfe");
        put_utf16(&body, text_bytes("NoReply"));
        put_format(&body, "\r\n--" BOUNDARY "--");
    } else {
        kind->reply(speaker, &xml);
        size_t length = make_payload(maker, &xml, &script->payload);
        script->compressed = true;
        put_reply_header(maker, kind, length, script, &header);
        put_multipart(script, &header, &body);
    }
    script_finish(script, REPLY_HEAD, &body, maker->dice);
    buffer_free(&xml);
    buffer_free(&header);
    buffer_free(&body);
}

static void make_exchange(struct maker *maker, const struct kind *kind, struct exchange *exchange)
{
    struct buffer xml = buffer_unlimited();
    struct speaker speaker = {maker->client, maker->dice, dice_between(maker->dice, kind->least, kind->most)};
    script_init(maker, &exchange->request, FACT_REQUEST | FACT_MESSAGE);
    kind->request(&speaker, &xml);
    make_request(maker, kind, &xml, &exchange->request);
    speaker.size = dice_between(maker->dice, kind->reply_least, kind->reply_most);
    make_reply(maker, kind, &speaker, &exchange->reply);
    exchange->weight = kind->weight;
    buffer_free(&xml);
}

/* A registration signs the text of its Data element, in UTF-16 and without terminator (wire.md 5.2). */
static void make_registration(struct maker *maker, struct exchange *exchange)
{
    static const struct kind kind = {.endpoint = "MP_ClientRegistration", .reply = body_registration_reply};
    struct buffer certificate = buffer_unlimited(), data = buffer_unlimited(), covered = buffer_unlimited(),
                  xml = buffer_unlimited();
    struct speaker speaker = {maker->client, maker->dice, 1};
    struct script *request = &exchange->request;
    script_init(maker, request, FACT_REQUEST | FACT_MESSAGE | FACT_REGISTRATION);
    key_put_certificate(maker->client->key, dice_next(maker->dice) >> 1, &certificate);
    body_registration_data(&speaker, buffer_cursor(&certificate), &data);
    put_utf16(&covered, buffer_cursor(&data));
    script_sign(request, maker->client, buffer_cursor(&covered));
    put_format(&xml, "<ClientRegistrationRequest>");
    put(&xml, data.bytes, data.length);
    put_format(&xml, "<Signature><SignatureValue>");
    put_hex(&xml, cursor_of(request->signatures[0].bytes, KEY_BYTES));
    put_format(&xml, "</SignatureValue></Signature></ClientRegistrationRequest>");
    make_request(maker, &kind, &xml, request);
    make_reply(maker, &kind, &speaker, &exchange->reply);
    exchange->weight = REGISTRATION_WEIGHT;
    buffer_free(&certificate);
    buffer_free(&data);
    buffer_free(&covered);
    buffer_free(&xml);
}

/* GET of a policy under a signed ClientToken (wire.md 1.5, variant A), answered with plain UTF-16 (wire.md 1.7). */
static void make_download(struct maker *maker, struct exchange *exchange)
{
    char policy[ID_CHARACTERS + 1], token[80];
    struct buffer covered = buffer_unlimited(), xml = buffer_unlimited();
    struct script *request = &exchange->request, *reply = &exchange->reply;
    guid_new(maker->dice, policy);
    snprintf(token, sizeof token, "%s;" TIME_TEXT ";2", maker->client->id);
    put_utf16(&covered, text_bytes(token));
    put_zeros(&covered, 2);
    script_init(maker, request, FACT_REQUEST | FACT_TOKEN);
    script_sign(request, maker->client, buffer_cursor(&covered));
    put_format(&request->bytes,
               "GET /SMS_MP/.sms_pol?{%s}.5_00 HTTP/1.1\r\nConnection: Keep-Alive\r\nAccept: */*\r\nUser-Agent: SMS "
               "CCM 5.0\r\n"
               "Host: " MP_NAME "\r\nClientToken: %s\r\nClientTokenSignature: ",
               policy, token);
    put_hex(&request->bytes, cursor_of(request->signatures[0].bytes, KEY_BYTES));
    put_format(&request->bytes, "\r\n\r\n");

    script_init(maker, reply, FACT_REPLY);
    struct speaker speaker = {maker->client, maker->dice, dice_between(maker->dice, 1, POLICY_RULES_MAX)};
    body_policy(&speaker, &xml);
    put(&reply->payload, "\xff\xfe", 2);
    put_utf16(&reply->payload, buffer_cursor(&xml));
    script_finish(reply,
                  "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nLast-Modified: Sat, 31 Oct 2026 10:00:00 GMT\r\n"
                  "Server: Microsoft-IIS/10.0\r\nDate: Sun, 01 Nov 2026 10:00:00 GMT\r\n",
                  &reply->payload, maker->dice);
    exchange->weight = POLICY_WEIGHT;
    buffer_free(&covered);
    buffer_free(&xml);
}

/* ---- Clients ---- */

static void maker_introduce(struct maker *maker, unsigned number)
{
    struct client *client = maker->client;
    struct buffer blob = buffer_unlimited(), id = buffer_unlimited();
    client->key = key_new(maker->dice);
    memcpy(client->id, "GUID:", 5);
    guid_new(maker->dice, client->id + 5);
    snprintf(client->name, sizeof client->name, "WS%05u", number + 1);
    maker->public_key = maker->id_signature = buffer_unlimited();
    key_put_blob(client->key, &blob);
    put_hex(&maker->public_key, buffer_cursor(&blob));
    put_utf16(&id, text_bytes(client->id));
    put_zeros(&id, 2);
    maker->id = sign(client, buffer_cursor(&id));
    put_hex(&maker->id_signature, cursor_of(maker->id.bytes, KEY_BYTES));
    buffer_free(&blob);
    buffer_free(&id);
}

static void make_client(struct maker *maker, unsigned number)
{
    struct client *client = maker->client;
    maker_introduce(maker, number);
    unsigned count = 1 + POLICY_VARIANTS;
    for (size_t i = 0; i < KIND_COUNT; i++)
        count += KINDS[i].variants;
    client->exchanges = allocate(count, sizeof *client->exchanges);
    client->exchange_count = count;

    struct exchange *exchange = client->exchanges;
    make_registration(maker, exchange++);
    for (unsigned i = 0; i < POLICY_VARIANTS; i++)
        make_download(maker, exchange++);
    for (size_t i = 0; i < KIND_COUNT; i++) {
        for (unsigned variant = 0; variant < KINDS[i].variants; variant++)
            make_exchange(maker, &KINDS[i], exchange++);
    }
    for (unsigned i = 0; i < count; i++)
        client->weight += client->exchanges[i].weight;
    buffer_free(&maker->public_key);
    buffer_free(&maker->id_signature);
    buffer_free(&maker->id.covered);
}

void messages_init(struct messages *messages, struct dice *dice, unsigned clients)
{
    *messages = (struct messages){.clients = allocate(clients, sizeof(struct client)), .client_count = clients};
    struct maker maker = {
        .messages = messages, .dice = dice, .compressor = libdeflate_alloc_compressor(COMPRESSION_LEVEL)};
    if (maker.compressor == NULL)
        die("out of memory", NULL);
    for (unsigned i = 0; i < clients; i++) {
        maker.client = &messages->clients[i];
        make_client(&maker, i);
    }
    libdeflate_free_compressor(maker.compressor);
}

const struct exchange *client_choose(struct client *client, struct dice *dice)
{
    if (!client->registered) {
        client->registered = true;
        return &client->exchanges[0];
    }
    uint32_t at = dice_below(dice, client->weight);
    unsigned i = 0;
    while (at >= client->exchanges[i].weight)
        at -= client->exchanges[i++].weight;
    return &client->exchanges[i];
}

static void script_free(struct script *script)
{
    buffer_free(&script->bytes);
    buffer_free(&script->payload);
    for (unsigned i = 0; i < script->signature_count; i++)
        buffer_free(&script->signatures[i].covered);
}

void messages_free(struct messages *messages)
{
    for (unsigned i = 0; i < messages->client_count; i++) {
        struct client *client = &messages->clients[i];
        for (unsigned j = 0; j < client->exchange_count; j++) {
            script_free(&client->exchanges[j].request);
            script_free(&client->exchanges[j].reply);
        }
        free(client->exchanges);
        EVP_PKEY_free(client->key);
    }
    free(messages->clients);
}
