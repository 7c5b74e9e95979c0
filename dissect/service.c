/* dissect/service.c: see service.h. */
#include "dissect/service.h"

#include <stddef.h>

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

const char *service_of(struct text method, struct text uri)
{
    struct text path = path_of(uri);
    for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++) {
        if (text_starts_like(path, PATHS[i].prefix))
            return PATHS[i].service;
    }
    if (text_is(method, "CCM_POST"))
        return "mp";
    return NULL;
}
