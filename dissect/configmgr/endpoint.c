/* dissect/configmgr/endpoint.c: see endpoint.h. */
#include "dissect/configmgr/endpoint.h"

#include <stddef.h>

/* Signing in mixed and native mode: REQUIRED where schema.md 2.2 marks the cell as read ([V], [V~]), EXPECTED where
 * it is inferred ([I]). */
static const struct ccm_endpoint ENDPOINTS[] = {
    {
        .name = "MP_ClientRegistration",
        .answers = true,
        .documented = true,
        .code = "C04",
        .requests = {"ClientRegistrationRequest"},
        .replies = {"ClientRegistrationResponse"},
    },
    {
        .name = "MP_PolicyManager",
        .answers = true,
        .documented = true,
        .mixed = CCM_SIGNING_EXPECTED,
        .native = CCM_SIGNING_EXPECTED,
        .code = "C08",
        .requests = {"RequestAssignments"},
        .replies = {"ReplyAssignments"},
    },
    {
        .name = "MP_LocationManager",
        .answers = true,
        .documented = true,
        .code = "C05",
        .requests = {"ContentLocationRequest", "LocalMPLocationRequest", "WSUSLocationRequest",
                     "LocationMPLocationRequest", "SiteInformationRequest", "AssignedSiteRequest",
                     "EnumerateMPLocationRequest", "UpdateSFRequest", "SMPLocationRequest", "TokenServicesRequest"},
        .replies = {"ContentLocationReply", "LocalMPLocationReply", "WSUSLocationReply", "LocationMPLocationReply",
                    "SiteInfoReply", "SiteInformationReply", "AssignedSiteReply", "EnumerateMPLocationReply",
                    "UpdateSFReply", "SMPLocationReply"},
    },
    {
        .name = "MP_DdrEndpoint",
        .documented = true,
        .mixed = CCM_SIGNING_EXPECTED,
        .native = CCM_SIGNING_EXPECTED,
        .code = "C07",
        .attachment = "{00000000-0000-0000-0000-000000000003}",
        .action = "03",
        .requests = {"Report"},
    },
    {
        .name = "MP_HinvEndpoint",
        .documented = true,
        .mixed = CCM_SIGNING_EXPECTED,
        .native = CCM_SIGNING_EXPECTED,
        .code = "C07",
        .attachment = "{00000000-0000-0000-0000-000000000001}",
        .action = "01",
        .requests = {"Report"},
    },
    {
        .name = "MP_SinvEndpoint",
        .documented = true,
        .mixed = CCM_SIGNING_REQUIRED,
        .native = CCM_SIGNING_EXPECTED,
        .code = "C06",
        .attachment = "{00000000-0000-0000-0000-000000000002}",
        .action = "02",
        .requests = {"Report"},
    },
    {
        .name = "MP_SinvCollFileEndpoint",
        .documented = true,
        .mixed = CCM_SIGNING_EXPECTED,
        .native = CCM_SIGNING_EXPECTED,
        .code = "C07",
        .action = "10",
        .requests = {"Report"},
    },
    {
        /* Carries state messages (C01, required), metering and IDMIF (C07, expected): check.c tells them apart. */
        .name = "MP_RelayEndpoint",
        .documented = true,
        .mixed = CCM_SIGNING_EXPECTED,
        .native = CCM_SIGNING_EXPECTED,
        .code = "C07",
        .requests = {"Report"},
    },
    {
        .name = "StatusReceiver",
        .documented = true,
        .mixed = CCM_SIGNING_NONE,
        .native = CCM_SIGNING_REQUIRED,
        .code = "C03",
        .requests = {"Status"},
    },
    {.name = "MP_StatusManager", .code = "C03", .requests = {"Status"}},
    {
        .name = "MP_TokenManager",
        .answers = true,
        .mixed = CCM_SIGNING_EXPECTED,
        .native = CCM_SIGNING_EXPECTED,
        .code = "C07",
        .requests = {"TokenServicesRequest"},
    },
    {
        .name = "MP_ClientIdManager",
        .answers = true,
        .code = "C07",
        .requests = {"ClientIDRequest"},
        .replies = {"Identification", "ClientIDReply"},
    },
    {
        .name = "MP_DriverManager",
        .answers = true,
        .code = "C07",
        .requests = {"DriverCatalogRequest"},
        .replies = {"DriverCatalogResponse"},
    },
    {
        .name = "MP_AppStateManager",
        .answers = true,
        .code = "C07",
        .requests = {"AppStateServicesRequest"},
        .replies = {"AppstateManagerReply"},
    },
};

const struct ccm_endpoint *ccm_endpoint_find(struct text name)
{
    for (size_t i = 0; i < sizeof ENDPOINTS / sizeof ENDPOINTS[0]; i++) {
        if (text_is_like(name, ENDPOINTS[i].name))
            return &ENDPOINTS[i];
    }
    return NULL;
}

bool ccm_endpoint_accepts(const struct ccm_endpoint *endpoint, bool reply, struct text root)
{
    const char *const *roots = reply ? endpoint->replies : endpoint->requests;
    if (reply && endpoint->answers && roots[0] == NULL) /* how it answers is not known (MP_TokenManager) */
        return true;
    for (size_t i = 0; i < CCM_ROOTS_MAX && roots[i] != NULL; i++) {
        if (text_is(root, roots[i]))
            return true;
    }
    return false;
}
