/* dissect/service.c: see service.h. */
#include "dissect/service.h"

#include <stddef.h>
#include <string.h>

/* The first prefix that fits wins, so longer ones come first. */
static const struct {
    const char *prefix;
    const char *service;
} PATHS[] = {
    {"/ccm_system", "mp"},             /* also _windowsauth, _altauth, _tokenauth */
    {"/ccm_incoming", "mp-upload"},    /* BITS uploads */
    {"/sms_mp/.sms_pol", "mp-policy"}, /* policy bodies */
    {"/sms_mp/.sms_dcm", "mp-policy"}, /* configuration items */
    {"/sms_mp/.sms_aut", "mp-auth"},   /* lists, certificates, keys */
    {"/sms_mp_windowsauth/.sms_pol", "mp-policy"},
    {"/sms_mp_altauth/.sms_pol", "mp-policy"},
    {"/sms_mp_tokenauth/.sms_pol", "mp-policy"},
    {"/sms_mp", "mp-auth"},
    {"/ccm_sts", "mp-token"},
    {"/ccm_client", "mp-client"}, /* ccmsetup */
    {"/bgb/handler.ashx", "mp-notification"},
    {"/cmuserservice", "mp-user"},
    {"/ccm_proxy_", "cmg"},
    {"/downloadrestservice.svc", "cmg-content"},
    {"/adminservice", "provider"},
    {"/sms_dp_sms", "dp"},
    {"/nocert_sms_dp_sms", "dp"},
    {"/ccmtokenauth_sms_dp_sms", "dp"},
    {"/sccm_branchcache$", "dp-peer"},
    {"/sms_fsp", "fsp"},
    {"/sms_slp", "slp"},
    {"/clientwebservice", "sup"},
    {"/simpleauthwebservice", "sup"},
    {"/serversyncwebservice", "sup"},
    {"/reportingwebservice", "sup"},
    {"/selfupdate", "sup"},
    {"/smsreporting_", "reporting"},
};

/* The path of an absolute URI ("http://host:80/path"); others are returned as they are. */
static struct text path_of(struct text uri)
{
    size_t at;
    if (!text_find_like(uri, "://", &at) || at > 5)
        return uri;
    struct text rest = {uri.at + at + 3, uri.length - at - 3};
    while (rest.length > 0 && rest.at[0] != '/') {
        rest.at++;
        rest.length--;
    }
    return rest;
}

static bool is_hex(struct text text, size_t from, size_t length)
{
    return from + length <= text.length && text_is_hex((struct text){text.at + from, length});
}

/* Files of update services are named by their SHA-1: /Content/3F/<40 hex digits>.cab ([MS-WUSP]). */
static bool is_update_file(struct text path)
{
    static const char lead[] = "/content/";
    size_t at = sizeof lead - 1;
    return text_starts_like(path, lead) && is_hex(path, at, 2) && path.length > at + 43 && path.at[at + 2] == '/' &&
           is_hex(path, at + 3, 40) && path.at[at + 43] == '.';
}

const char *service_of(struct text method, struct text uri)
{
    struct text path = path_of(uri);
    if (is_update_file(path))
        return "sup-content";
    for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++) {
        if (text_starts_like(path, PATHS[i].prefix))
            return PATHS[i].service;
    }
    if (text_is(method, "CCM_POST"))
        return "mp";
    return NULL;
}

/* What stands in the target of a request to a service. The first that is found wins. */
static const struct {
    const char *service;
    const char *part;
    const char *operation;
} OPERATIONS[] = {
    {"mp-auth", "?mplist1", "mplist1"},
    {"mp-auth", "?mplist2", "mplist2"},
    {"mp-auth", "?mplist", "mplist"},
    {"mp-auth", "?mpcert1", "mpcert1"},
    {"mp-auth", "?mpcert2", "mpcert2"},
    {"mp-auth", "?mpcert", "mpcert"},
    {"mp-auth", "?mpkeyinformationmedia", "mpkeyinformationmedia"},
    {"mp-auth", "?mpkeyinformationex", "mpkeyinformationex"},
    {"mp-auth", "?mpkeyinformation", "mpkeyinformation"},
    {"mp-auth", "?mptrk", "mptrk"},
    {"mp-auth", "?sitesigncert", "sitesigncert"},
    {"mp-auth", "?smstrc", "trace"},
    {"mp-auth", "?mplocation", "mplocation"},
    {"mp-auth", "?getclientaffinity", "getclientaffinity"},
    {"mp-auth", "?mpcapability", "mpcapability"},
    {"mp-policy", ".sms_dcm", "configuration-item"},
    {"mp-policy", ".sms_pol", "policy"},
    {"mp-notification", "requesttype=login", "login"},
    {"mp-notification", "requesttype=continue", "continue"},
    {"mp-notification", "requesttype=logout", "logout"},
    {"mp", "/request", "message"},
    {"mp", "/ccm_system", "message"},
    {"mp-upload", "/", "upload"},
    {"mp-token", "/", "token"},
    {"mp-client", "/", "setup-file"},
    {"mp-user", "/", "user-service"},
    {"cmg", "aadauthinfo", "auth-info"},
    {"cmg", "/ccm_proxy_mutualauth", "mutual-auth"},
    {"cmg", "/ccm_proxy_serverauth", "server-auth"},
    {"cmg-content", "getcontentxml", "content-list"},
    {"provider", "/wmi", "wmi"},
    {"provider", "/v1.0", "odata"},
    {"dp", "/datalib", "datalib"},
    {"dp", "/filelib", "filelib"},
    {"dp", "smssig$", "signature"},
    {"slp", "?site", "site-assignment"},
    {"slp", "?mp", "mp"},
    {"slp", "?cap", "capabilities"},
    {"fsp", ".sms_fsp", "state"},
    {"sup", "/clientwebservice", "client-web-service"},
    {"sup", "/simpleauthwebservice", "simple-auth"},
    {"sup", "/serversyncwebservice", "server-sync"},
    {"sup", "/reportingwebservice", "reporting"},
    {"sup", "/selfupdate", "self-update"},
};

/* BITS-Packet-Type (wire.md 9.1). */
static const char *packet_operation(struct text packet)
{
    static const char *const names[] = {"create-session", "ping", "fragment", "close-session", "cancel-session"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (text_is_like(packet, names[i]))
            return names[i];
    }
    return NULL;
}

/* How content is fetched. */
static const char *content_operation(struct text method, struct text range)
{
    if (text_is_like(method, "HEAD"))
        return "size";
    return range.at != NULL ? "range" : "content";
}

const char *service_operation(const char *service, const struct service_request *request)
{
    size_t at;
    if (service == NULL)
        return NULL;
    if (request->bits_packet.at != NULL)
        return packet_operation(request->bits_packet);
    if (text_is_like(request->method, "PROPFIND"))
        return "propfind";
    for (size_t i = 0; i < sizeof OPERATIONS / sizeof OPERATIONS[0]; i++) {
        if (strcmp(service, OPERATIONS[i].service) == 0 && text_find_like(request->uri, OPERATIONS[i].part, &at))
            return OPERATIONS[i].operation;
    }
    bool content = strcmp(service, "dp") == 0 || strcmp(service, "dp-peer") == 0 || strcmp(service, "sup-content") == 0;
    return content ? content_operation(request->method, request->range) : NULL;
}
