/* dissect/configmgr/security.c: see security.h. */
#include "dissect/configmgr/security.h"

#define READ "read"
#define PARTLY "partly"
#define INFERRED "inferred"
#define SIGN CCM_FLAG_SIGN
#define ENCRYPT CCM_FLAG_ENCRYPT
#define CRL CCM_FLAG_CRL

static const struct row {
    const char *message, *endpoint, *kind;
    struct {
        unsigned required, optional;
        const char *confidence;
    } mode[2]; /* mixed, native */
} ROWS[] = {
#define SECURITY(message, endpoint, kind, mixed, mixed_optional, mixed_confidence, native, native_optional,            \
                 native_confidence)                                                                                    \
    {message,                                                                                                          \
     endpoint,                                                                                                         \
     kind,                                                                                                             \
     {{mixed, mixed_optional, mixed_confidence}, {native, native_optional, native_confidence}}},
#include "dissect/configmgr/security.def"
#undef SECURITY
};

static const struct row *find_row(const struct ccm_message *message)
{
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        if (!text_is_like(message->endpoint_name, ROWS[i].endpoint))
            continue;
        if (ROWS[i].kind == NULL || text_is_like(message->header.file_type, ROWS[i].kind) ||
            text_is_like(message->root, ROWS[i].kind))
            return &ROWS[i];
    }
    return NULL;
}

void ccm_security_judge(const struct ccm_message *message, struct ccm_security *security)
{
    bool native = message->source.secure;
    *security = (struct ccm_security){.shown = native ? CCM_FLAG_NATIVE : CCM_FLAG_MIXED};
    security->shown |= message->is_signed || message->token.at != NULL ? CCM_FLAG_SIGN : 0;
    security->shown |= message->encrypted ? CCM_FLAG_ENCRYPT : 0;
    security->shown |= message->compressed ? CCM_FLAG_COMPRESS : 0;
    const struct row *row = find_row(message);
    if (row == NULL)
        return;
    unsigned allowed =
        row->mode[native].required | row->mode[native].optional | CCM_FLAG_COMPRESS | CCM_FLAG_MIXED | CCM_FLAG_NATIVE;
    security->known = true;
    security->message = row->message;
    security->required = row->mode[native].required | (native ? CCM_FLAG_NATIVE : CCM_FLAG_MIXED);
    security->optional = row->mode[native].optional;
    security->missing = security->required & ~security->shown;
    security->excess = security->shown & ~allowed;
    security->confidence = row->mode[native].confidence;
}

struct text ccm_security_text(unsigned flags, struct arena *arena)
{
    static const struct {
        unsigned flag;
        const char *name;
    } names[] = {
        {CCM_FLAG_MIXED, "MIXED"},     {CCM_FLAG_NATIVE, "NATIVE"}, {CCM_FLAG_SIGN, "SIGN"},
        {CCM_FLAG_ENCRYPT, "ENCRYPT"}, {CCM_FLAG_CRL, "CRL"},       {CCM_FLAG_COMPRESS, "COMPRESS"},
    };
    struct text list = TEXT("");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (flags & names[i].flag)
            list = text_format(arena, "%.*s%s%s", (int)list.length, list.at == NULL ? "" : list.at,
                               list.length > 0 ? "," : "", names[i].name);
    }
    return list;
}
