/* dissect/kerberos.c: see kerberos.h.
 *
 *   KDC-REQ (AS-REQ, TGS-REQ)  SEQUENCE { pvno [1], msg-type [2], padata [3], req-body [4] SEQUENCE {
 *                                         kdc-options [0], cname [1], realm [2], sname [3], ..., etype [8] } }
 *   KDC-REP (AS-REP, TGS-REP)  SEQUENCE { pvno [0], msg-type [1], padata [2], crealm [3], cname [4], ticket [5], ... }
 *   AP-REQ                     SEQUENCE { pvno [0], msg-type [1], ap-options [2], ticket [3], authenticator [4] }
 *   KRB-ERROR                  SEQUENCE { ..., error-code [6], crealm [7], cname [8], realm [9], sname [10], ... }
 *   Ticket                     [APPLICATION 1] SEQUENCE { tkt-vno [0], realm [1], sname [2], enc-part [3] { etype [0] } }
 * each inside [APPLICATION type]                                                            (RFC 4120 section 5)
 */
#include "dissect/kerberos.h"

#include <stdio.h>

#include "dissect/configmgr/ber.h"
#include "dissect/internal.h"
#include "dissect/trouble.h"

#define NAME_PARTS_MAX 16 /* of a principal: two or three in real life */
#define ETYPES_MAX 64     /* offered in a request: about 20 exist */
#define NAME_BYTES_MAX 512

/* ---- Names of numbers ---- */

struct number_name {
    int64_t number;
    const char *name;
};

static const struct number_name TYPES[] = {
    {KERBEROS_AS_REQ, "AS-REQ"},   {KERBEROS_AS_REP, "AS-REP"}, {KERBEROS_TGS_REQ, "TGS-REQ"},
    {KERBEROS_TGS_REP, "TGS-REP"}, {KERBEROS_AP_REQ, "AP-REQ"}, {KERBEROS_AP_REP, "AP-REP"},
    {KERBEROS_ERROR, "KRB-ERROR"},
};

/* IANA, Kerberos Encryption Type Numbers; negative ones: MS-KILE and Windows headers. */
static const struct number_name ETYPES[] = {
    {1, "des-cbc-crc"},
    {2, "des-cbc-md4"},
    {3, "des-cbc-md5"},
    {5, "des3-cbc-md5"},
    {7, "des3-cbc-sha1"},
    {15, "rc2CBC-EnvOID"},
    {16, "des3-cbc-sha1-kd"},
    {17, "aes128-cts-hmac-sha1-96"},
    {18, "aes256-cts-hmac-sha1-96"},
    {19, "aes128-cts-hmac-sha256-128"},
    {20, "aes256-cts-hmac-sha384-192"},
    {23, "rc4-hmac"},
    {24, "rc4-hmac-exp"},
    {-128, "rc4-md4"},
    {-133, "rc4-hmac-old"},
    {-135, "rc4-hmac-old-exp"},
};

/* RFC 4120 section 7.5.9 */
static const struct number_name ERRORS[] = {
    {1, "KDC_ERR_NAME_EXP"},
    {2, "KDC_ERR_SERVICE_EXP"},
    {3, "KDC_ERR_BAD_PVNO"},
    {6, "KDC_ERR_C_PRINCIPAL_UNKNOWN"},
    {7, "KDC_ERR_S_PRINCIPAL_UNKNOWN"},
    {8, "KDC_ERR_PRINCIPAL_NOT_UNIQUE"},
    {9, "KDC_ERR_NULL_KEY"},
    {11, "KDC_ERR_NEVER_VALID"},
    {12, "KDC_ERR_POLICY"},
    {13, "KDC_ERR_BADOPTION"},
    {14, "KDC_ERR_ETYPE_NOSUPP"},
    {15, "KDC_ERR_SUMTYPE_NOSUPP"},
    {16, "KDC_ERR_PADATA_TYPE_NOSUPP"},
    {18, "KDC_ERR_CLIENT_REVOKED"},
    {19, "KDC_ERR_SERVICE_REVOKED"},
    {20, "KDC_ERR_TGT_REVOKED"},
    {23, "KDC_ERR_KEY_EXPIRED"},
    {24, "KDC_ERR_PREAUTH_FAILED"},
    {25, "KDC_ERR_PREAUTH_REQUIRED"},
    {26, "KDC_ERR_SERVER_NOMATCH"},
    {27, "KDC_ERR_MUST_USE_USER2USER"},
    {29, "KDC_ERR_SVC_UNAVAILABLE"},
    {31, "KRB_AP_ERR_BAD_INTEGRITY"},
    {32, "KRB_AP_ERR_TKT_EXPIRED"},
    {33, "KRB_AP_ERR_TKT_NYV"},
    {34, "KRB_AP_ERR_REPEAT"},
    {35, "KRB_AP_ERR_NOT_US"},
    {36, "KRB_AP_ERR_BADMATCH"},
    {37, "KRB_AP_ERR_SKEW"},
    {41, "KRB_AP_ERR_MODIFIED"},
    {44, "KRB_AP_ERR_BADKEYVER"},
    {45, "KRB_AP_ERR_NOKEY"},
    {52, "KRB_ERR_RESPONSE_TOO_BIG"},
    {60, "KRB_ERR_GENERIC"},
    {68, "KDC_ERR_WRONG_REALM"},
};

static const char *name_of(const struct number_name *names, size_t count, int64_t number)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i].number == number)
            return names[i].name;
    }
    return NULL;
}

const char *kerberos_type_name(enum kerberos_type type)
{
    return name_of(TYPES, sizeof TYPES / sizeof TYPES[0], type);
}

const char *kerberos_etype_name(int64_t etype)
{
    return name_of(ETYPES, sizeof ETYPES / sizeof ETYPES[0], etype);
}

const char *kerberos_error_name(int64_t error)
{
    return name_of(ERRORS, sizeof ERRORS / sizeof ERRORS[0], error);
}

/* ---- Parts ---- */

static struct text take_string(struct cursor content, struct arena *arena)
{
    struct cursor string;
    if (!ber_take(&content, BER_GENERAL_STRING, &string) || string.left > NAME_BYTES_MAX)
        return TEXT_NULL;
    return text_clean(arena, string);
}

/* PrincipalName: SEQUENCE { name-type [0], name-string [1] SEQUENCE OF GeneralString } */
static struct text take_principal(struct cursor content, struct arena *arena, struct kerberos_message *message)
{
    struct cursor name, strings, part;
    struct text joined = TEXT_NULL;
    if (!ber_take(&content, BER_SEQUENCE, &name) || !ber_context(&name, 1, &strings) ||
        !ber_take(&strings, BER_SEQUENCE, &strings))
        return TEXT_NULL;
    for (unsigned i = 0; i < NAME_PARTS_MAX && ber_take(&strings, BER_GENERAL_STRING, &part); i++) {
        if (part.left > NAME_BYTES_MAX)
            return joined;
        struct text text = text_clean(arena, part);
        joined = joined.at == NULL ? text
                                   : text_format(arena, "%.*s/%.*s", (int)joined.length, joined.at, (int)text.length,
                                                 text.at == NULL ? "" : text.at);
    }
    message->left_out = message->left_out || strings.left > 0;
    return joined;
}

/* EncryptedData: SEQUENCE { etype [0], kvno [1], cipher [2] } */
static int64_t take_etype(struct cursor content)
{
    struct cursor data, tagged;
    int32_t etype;
    if (!ber_take(&content, BER_SEQUENCE, &data) || !ber_context(&data, 0, &tagged) || !ber_int32(&tagged, &etype))
        return INT_NULL;
    return etype;
}

static bool take_ticket(struct cursor content, struct arena *arena, struct kerberos_message *message)
{
    struct cursor ticket, part;
    if (!ber_take(&content, (uint8_t)(BER_APPLICATION_0 + 1), &ticket) || !ber_take(&ticket, BER_SEQUENCE, &ticket) ||
        !ber_context(&ticket, 1, &part))
        return false;
    message->realm = take_string(part, arena);
    if (ber_context(&ticket, 2, &part))
        message->service = take_principal(part, arena, message);
    if (ber_context(&ticket, 3, &part))
        message->etype = take_etype(part);
    return true;
}

static struct text take_etypes(struct cursor content, struct arena *arena, struct kerberos_message *message)
{
    struct cursor list;
    struct text joined = TEXT_NULL;
    int32_t etype;
    if (!ber_take(&content, BER_SEQUENCE, &list))
        return TEXT_NULL;
    for (unsigned i = 0; i < ETYPES_MAX && ber_int32(&list, &etype); i++) {
        char number[16];
        const char *name = kerberos_etype_name(etype);
        snprintf(number, sizeof number, "%d", (int)etype);
        joined = text_format(arena, "%.*s%s%s", (int)joined.length, joined.at == NULL ? "" : joined.at,
                             joined.at == NULL ? "" : ",", name == NULL ? number : name);
    }
    message->left_out = message->left_out || list.left > 0;
    return joined;
}

/* ---- Messages ---- */

static bool parse_request(struct cursor body, struct arena *arena, struct kerberos_message *message)
{
    struct cursor part;
    if (!ber_context(&body, 4, &body) || !ber_take(&body, BER_SEQUENCE, &body))
        return false;
    if (ber_context(&body, 1, &part))
        message->client = take_principal(part, arena, message);
    if (!ber_context(&body, 2, &part))
        return false;
    message->realm = take_string(part, arena);
    if (ber_context(&body, 3, &part))
        message->service = take_principal(part, arena, message);
    if (ber_context(&body, 8, &part))
        message->etypes = take_etypes(part, arena, message);
    return true;
}

static bool parse_reply(struct cursor body, struct arena *arena, struct kerberos_message *message)
{
    struct cursor part;
    if (!ber_context(&body, 3, &part))
        return false;
    message->client_realm = take_string(part, arena);
    if (ber_context(&body, 4, &part))
        message->client = take_principal(part, arena, message);
    return ber_context(&body, 5, &part) && take_ticket(part, arena, message);
}

static bool parse_ap_request(struct cursor body, struct arena *arena, struct kerberos_message *message)
{
    struct cursor part;
    return ber_context(&body, 3, &part) && take_ticket(part, arena, message);
}

static bool parse_error(struct cursor body, struct arena *arena, struct kerberos_message *message)
{
    struct cursor part;
    int32_t code;
    if (!ber_context(&body, 6, &part) || !ber_int32(&part, &code))
        return false;
    message->error = code;
    if (ber_context(&body, 7, &part))
        message->client_realm = take_string(part, arena);
    if (ber_context(&body, 8, &part))
        message->client = take_principal(part, arena, message);
    if (ber_context(&body, 9, &part))
        message->realm = take_string(part, arena);
    if (ber_context(&body, 10, &part))
        message->service = take_principal(part, arena, message);
    return true;
}

bool kerberos_parse(struct cursor bytes, struct arena *arena, struct kerberos_message *message)
{
    uint8_t tag;
    struct cursor body;
    *message = (struct kerberos_message){.etype = INT_NULL, .error = INT_NULL};
    if (bytes.left > 0 && kerberos_type_name((enum kerberos_type)(bytes.at[0] - BER_APPLICATION_0)) != NULL)
        message->type = (enum kerberos_type)(bytes.at[0] - BER_APPLICATION_0);
    if (!ber_any(&bytes, &tag, &body) || tag < BER_APPLICATION_0 || tag >= BER_CONTEXT_0 ||
        !ber_take(&body, BER_SEQUENCE, &body))
        return false;
    switch (message->type) {
    case KERBEROS_AS_REQ:
    case KERBEROS_TGS_REQ:
        return parse_request(body, arena, message);
    case KERBEROS_AS_REP:
    case KERBEROS_TGS_REP:
        return parse_reply(body, arena, message);
    case KERBEROS_AP_REQ:
        return parse_ap_request(body, arena, message);
    case KERBEROS_AP_REP:
        return true;
    case KERBEROS_ERROR:
        return parse_error(body, arena, message);
    default:
        return false;
    }
}

/* [APPLICATION type], SEQUENCE, then pvno: [1] INTEGER 5 in requests, [0] INTEGER 5 in the others. */
enum recognition kerberos_recognise_message(struct cursor first)
{
    struct cursor at = first;
    uint8_t tag, length;
    for (unsigned level = 0; level < 2; level++) {
        if (!cursor_u8(&at, &tag) ||
            (level == 0 && kerberos_type_name((enum kerberos_type)(tag - BER_APPLICATION_0)) == NULL))
            return RECOGNISED_NOT;
        if (level == 0)
            first = cursor_of(at.at - 1, 1);
        else if (tag != BER_SEQUENCE)
            return RECOGNISED_NOT;
        if (!cursor_u8(&at, &length) ||
            ((length & 0x80) != 0 && ((length & 0x7F) > 4 || !cursor_skip(&at, length & 0x7F))))
            return RECOGNISED_NOT;
    }
    enum kerberos_type type = (enum kerberos_type)(first.at[0] - BER_APPLICATION_0);
    bool request = type == KERBEROS_AS_REQ || type == KERBEROS_TGS_REQ;
    if (!cursor_starts(at, request ? "\xA1\x03\x02\x01\x05" : "\xA0\x03\x02\x01\x05", 5))
        return RECOGNISED_NOT;
    return request || type == KERBEROS_AP_REQ ? RECOGNISED_CLIENT : RECOGNISED_SERVER;
}

int64_t kerberos_record(struct conversation *conversation, const char *carrier, enum direction client,
                        const struct kerberos_message *message, struct moment moment)
{
    struct kerberos_row row = kerberos_row_null();
    row.packet = moment.packet;
    row.time = moment_seconds(moment);
    row.flow = conversation->row;
    row.carrier = text_of(carrier);
    row.host = conversation_address(conversation, client);
    row.server = conversation_address(conversation, direction_reverse(client));
    row.message = text_of(kerberos_type_name(message->type));
    row.client = message->client;
    row.client_realm = message->client_realm;
    row.service = message->service;
    row.realm = message->realm;
    row.error = message->error;
    row.error_name = text_of(kerberos_error_name(message->error));
    row.etype = message->etype;
    row.etype_name = text_of(kerberos_etype_name(message->etype));
    row.etypes = message->etypes;
    if (message->left_out)
        trouble_limit(conversation, "kerberos", LIMIT_kerberos_list, moment);
    return sink_append(&conversation->dissect->sink, TABLE_kerberos, &row);
}
