/* dissect/share.c: see share.h. */
#define _GNU_SOURCE
#include "dissect/share.h"

#include <fnmatch.h>
#include <string.h>

/* Patterns of fnmatch(3), letters in either case; a backslash is a plain character. The first that fits wins. */
struct pattern {
    const char *share; /* purpose that the share must have; NULL: any */
    const char *pattern;
    const char *purpose;
};

static const struct pattern SHARES[] = {
    {NULL, "SMS_SITE", "site-receive"},   /* inboxes\despoolr.box\receive */
    {NULL, "SMS_CPSC$", "client-source"}, /* files of the client for distribution */
    {NULL, "SMS_SUIAgent", "site"},       /* updates agent */
    {NULL, "SMS_OCM_DATACACHE", "site"},  /* offline servicing */
    {NULL, "SMS_DP$", "package"},         /* distribution point */
    {NULL, "SMSPKG*", "package"},         /* SMSPKGC$ ... */
    {NULL, "SMSSIG*", "package"},         /* signatures of packages */
    {NULL, "SCCMContentLib*", "content-library"},
    {NULL, "SMSSMP*", "state-migration"},
    {NULL, "SMS_???", "site"}, /* the site's folder; three characters of site code */
    {NULL, "CAP_???", "cap"},  /* client access point of SMS 2003 */
    {NULL, "REMINST", "pxe"},
    {NULL, "WsusContent", "sup"},
    {NULL, "UpdateServicesPackages", "sup"},
    {NULL, "WSUSTemp", "sup"},
    {NULL, "ADMIN$", "admin"},
    {NULL, "[A-Z]$", "drive"},
    {NULL, "IPC$", "ipc"},
    {NULL, "SYSVOL", "domain"},
    {NULL, "NETLOGON", "domain"},
};

static const struct pattern FILES[] = {
    {NULL, "*.CT[4-7]", "key-exchange"}, /* keyforparent, keyforchild, childkeys, parentkeys */
    {NULL, "*hman.box*", "key-exchange"},
    {NULL, "*pubkey\\*.PK[CP]", "key-exchange"},
    {"site-receive", "*.PCK", "sender-package"},
    {"site-receive", "*.SNI", "sender-instruction"},
    {"site-receive", "*.INS", "sender-instruction"}, /* SMS 2003 */
    {"site-receive", "*.TMP", "sender-temporary"},
    {NULL, "*despoolr.box\\*.PCK", "sender-package"},
    {NULL, "*despoolr.box\\*.SNI", "sender-instruction"},
    {NULL, "*despoolr.box\\*.INS", "sender-instruction"},
    {NULL, "*despoolr.box\\*.TMP", "sender-temporary"},
    {"site-receive", "ds_?????.*", "sender-retry"},
    {"site-receive", "PKG????.TRY", "sender-retry"},
    {NULL, "*inboxes\\*", "inbox"},
    {NULL, "*SMS_BOOTSTRAP*", "secondary-push"},
    {NULL, "*.PK1", "secondary-push"},
    {"admin", "*ccmsetup*", "client-push"},
    {"drive", "*ccmsetup*", "client-push"},
    {NULL, "*ccmsetup*", "client-source"},
    {NULL, "*SMSSETUP\\*", "setup"},
    {NULL, "*sitectrl*.ct0", "site-control"},
    {"pxe", "*SMSTemp\\*.var", "pxe-variables"},
    {"pxe", "*SMSBoot\\*", "pxe-boot"},
    {"pxe", "*SMSImages\\*", "pxe-boot"},
    {NULL, "SCCMContentLib\\*", "content-library"},
    {"package", "?*", "package"},
    {"content-library", "?*", "content-library"},
    {"client-source", "?*", "client-source"},
    {NULL, "SMSPKG?$\\*", "package"},
};

static const struct pattern PIPES[] = {
    {NULL, "svcctl", "service-control"},
    {NULL, "winreg", "registry"},
    {NULL, "atsvc", "tasks"},
    {NULL, "srvsvc", "server"},
    {NULL, "wkssvc", "workstation"},
    {NULL, "samr", "accounts"},
    {NULL, "lsarpc", "policy"},
    {NULL, "lsass", "policy"},
    {NULL, "netlogon", "netlogon"},
    {NULL, "spoolss", "printing"},
    {NULL, "efsrpc", "coercion"},
    {NULL, "netdfs", "dfs"},
    {NULL, "FssagentRpc", "coercion"},
    {NULL, "epmapper", "endpoint-mapper"},
    {NULL, "eventlog", "eventlog"},
    {NULL, "browser", "browser"},
    {NULL, "InitShutdown", "shutdown"},
    {NULL, "sql\\query", "sql"},
    {NULL, "MSSQL$*\\sql\\query", "sql"},
};

static const char *find(const struct pattern *patterns, size_t count, const char *share, struct text name)
{
    char copy[SHARE_NAME_MAX];
    if (name.at == NULL || name.length >= sizeof copy || memchr(name.at, '\0', name.length) != NULL)
        return NULL;
    memcpy(copy, name.at, name.length);
    copy[name.length] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (patterns[i].share != NULL && (share == NULL || strcmp(patterns[i].share, share) != 0))
            continue;
        if (fnmatch(patterns[i].pattern, copy, FNM_CASEFOLD | FNM_NOESCAPE) == 0)
            return patterns[i].purpose;
    }
    return NULL;
}

static struct text without(struct text name, const char *prefix)
{
    size_t length = strlen(prefix);
    return text_starts_like(name, prefix) ? (struct text){name.at + length, name.length - length} : name;
}

const char *share_purpose(struct text share)
{
    return find(SHARES, sizeof SHARES / sizeof SHARES[0], NULL, share);
}

const char *share_file_purpose(const char *share, struct text path)
{
    return find(FILES, sizeof FILES / sizeof FILES[0], share, without(path, "\\"));
}

const char *share_pipe_purpose(struct text pipe)
{
    return find(PIPES, sizeof PIPES / sizeof PIPES[0], NULL, without(without(without(pipe, "\\"), "PIPE"), "\\"));
}
