/* dissect/http_login.c: see http_login.h. */
#include "dissect/http_login.h"

#include <string.h>

#include "dissect/ntlm.h"

#define UNAUTHORIZED 401
#define USER_MAX ((size_t)2048) /* DOMAIN\user: names of accounts and domains have at most 256 characters each */

/* The user of a connection. */
struct http_user {
    size_t length;
    char text[];
};

static struct text field(const struct http_exchange *exchange, enum http_side side, enum http_field name)
{
    return http_fields_get(exchange->fields[side], name);
}

/* ---- The connection ---- */

enum http_login http_login_first(bool seen)
{
    return seen ? HTTP_LOGIN_NONE : HTTP_LOGIN_PERHAPS;
}

void http_login_free(struct http_flow *flow)
{
    if (flow->user != NULL)
        pool_give(&flow->conversation->dissect->pool, flow->user, sizeof *flow->user + flow->user->length);
    flow->user = NULL;
}

static void set(struct http_flow *flow, enum http_login login)
{
    http_login_free(flow);
    flow->login = (uint8_t)login;
    flow->logins++;
}

void http_login_doubt(struct http_flow *flow)
{
    set(flow, HTTP_LOGIN_PERHAPS);
}

/* Remembers who is logged on. Without memory the name is missing. */
static void log_on(struct http_flow *flow, struct text user)
{
    set(flow, HTTP_LOGIN_CONNECTION);
    if (user.length == 0 || user.length > USER_MAX)
        return;
    flow->user = pool_take(&flow->conversation->dissect->pool, sizeof *flow->user + user.length);
    if (flow->user == NULL)
        return;
    flow->user->length = user.length;
    memcpy(flow->user->text, user.at, user.length);
}

/* ---- Messages ---- */

/* Tokens of authentication: rows of `ntlm` and `kerberos`. */
static void take_tokens(struct http_exchange *exchange, enum http_side side)
{
    static const enum http_field names[2][2] = {{HTTP_FIELD_AUTHORIZATION, HTTP_FIELD_PROXY_AUTHORIZATION},
                                                {HTTP_FIELD_WWW_AUTHENTICATE, HTTP_FIELD_PROXY_AUTHENTICATE}};
    struct http_flow *flow = exchange->flow;
    struct auth_carrier carrier = {
        .conversation = flow->conversation, .name = "http", .client = (enum direction)flow->client};
    for (size_t i = 0; i < 2; i++) {
        struct text value = field(exchange, side, names[side][i]);
        if (value.at == NULL)
            continue;
        arena_reset(&exchange->dissect->scratch);
        auth_http_header(&flow->auth, &carrier, value, exchange->moment[side]);
    }
}

/* Whether a proxy is on the way: it may send requests of several clients over one connection, and those of one client to
 * several servers. */
static bool is_proxied(const struct http_exchange *exchange)
{
    struct text target = http_uri(exchange);
    return field(exchange, HTTP_REQUEST, HTTP_FIELD_VIA).at != NULL || (target.length > 0 && target.at[0] != '/');
}

static bool is_windows_scheme(struct text authorization)
{
    return text_starts_like(authorization, "NTLM ") || text_starts_like(authorization, "Negotiate ") ||
           text_starts_like(authorization, "Kerberos ");
}

/* NTLM's NEGOTIATE, which proves nothing. A server that wants no authentication passes it over. */
static bool is_only_offer(const struct http_exchange *exchange)
{
    const struct auth *auth = &exchange->flow->auth;
    return is_windows_scheme(field(exchange, HTTP_REQUEST, HTTP_FIELD_AUTHORIZATION)) && auth->method == AUTH_NTLM &&
           !auth->complete;
}

/* What the connection is after a reply that let in a request with a token of Windows. */
static enum http_login login_of(const struct http_exchange *exchange)
{
    struct text persistent = field(exchange, HTTP_REPLY, HTTP_FIELD_PERSISTENT_AUTH);
    if (exchange->login != HTTP_LOGIN_HEADER)
        return HTTP_LOGIN_NONE;
    if (is_proxied(exchange))
        return HTTP_LOGIN_PERHAPS;
    if (text_is_like(persistent, "true"))
        return HTTP_LOGIN_CONNECTION;
    if (text_is_like(persistent, "false"))
        return HTTP_LOGIN_NONE;
    return exchange->flow->auth.method == AUTH_NTLM ? HTTP_LOGIN_CONNECTION : HTTP_LOGIN_PERHAPS;
}

/* Takes what the reply to a request means for the connection. */
static void settle(struct http_exchange *exchange)
{
    struct http_flow *flow = exchange->flow;
    struct arena *arena = &exchange->dissect->scratch;
    struct text authorization = field(exchange, HTTP_REQUEST, HTTP_FIELD_AUTHORIZATION);
    if (exchange->status == UNAUTHORIZED) {
        set(flow, HTTP_LOGIN_NONE);
    } else if (is_windows_scheme(authorization)) {
        enum http_login login = login_of(exchange);
        arena_reset(arena);
        if (login == HTTP_LOGIN_CONNECTION)
            log_on(flow, ntlm_user(authorization, arena));
        else
            set(flow, login);
    }
}

void http_login_request(struct http_exchange *exchange)
{
    const struct http_flow *flow = exchange->flow;
    take_tokens(exchange, HTTP_REQUEST);
    exchange->login = flow->login;
    if (field(exchange, HTTP_REQUEST, HTTP_FIELD_AUTHORIZATION).at != NULL)
        exchange->login = is_only_offer(exchange) ? HTTP_LOGIN_NONE : HTTP_LOGIN_HEADER;
    else if (flow->login == HTTP_LOGIN_CONNECTION && is_proxied(exchange))
        exchange->login = HTTP_LOGIN_PERHAPS;
    exchange->logins = flow->logins;
    if (exchange->started[HTTP_REPLY]) /* the capture has the reply first */
        settle(exchange);
}

void http_login_reply(struct http_exchange *exchange)
{
    settle(exchange);
    take_tokens(exchange, HTTP_REPLY);
}

struct text http_login_user(const struct http_exchange *exchange, struct arena *arena)
{
    const struct http_flow *flow = exchange->flow;
    if (exchange->login == HTTP_LOGIN_HEADER)
        return ntlm_user(field(exchange, HTTP_REQUEST, HTTP_FIELD_AUTHORIZATION), arena);
    if (exchange->login != HTTP_LOGIN_CONNECTION || exchange->logins != flow->logins || flow->user == NULL)
        return TEXT_NULL;
    return (struct text){flow->user->text, flow->user->length};
}
