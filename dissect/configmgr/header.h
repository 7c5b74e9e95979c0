/* dissect/configmgr/header.h: the <Msg> header of a ConfigMgr message (wire.md 3, schema.md 3.3). */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_HEADER_H
#define CMSCOPE_DISSECT_CONFIGMGR_HEADER_H

#include "dissect/configmgr/xml.h"

#define CCM_HEADER_MAX ((size_t)256 * 1024) /* schema.md 7, step B: real headers have 1 to 10 KB */
#define CCM_HOOKS_MAX 16
#define CCM_RANGES_MAX 256 /* collected files are one attachment each */

/* Body or Attachment: a slice of the payload after decompression. */
struct ccm_range {
    struct text name; /* of an attachment; TEXT_NULL when it has none */
    struct text offset_text, length_text;
    uint64_t offset, length;
    bool numeric; /* both are whole numbers; else they are 0 */
};

struct ccm_hook {
    struct text element; /* Hook, Hook2, Hook3 */
    struct text name;    /* clientauth, zlib-compress, encrypt ... */
    const struct xml_element *xml;
};

struct ccm_header {
    const char *encoding; /* utf-16-le+bom ... */
    struct text whole;    /* the part as UTF-8 */
    struct text text;     /* the XML in it */
    struct xml_document document;

    /* Children of Msg; TEXT_NULL when absent. */
    struct text schema_version, reply_compression;
    struct text id, correlation_id, source_id, source_host, target_address, target_endpoint, target_host;
    struct text reply_to, reply_mode, protocol, priority, timeout, sent_time, payload_type;
    struct text file_type; /* of <Property Name="FileType"> */

    bool has_body;
    struct ccm_range body;
    struct ccm_range *attachments; /* the first CCM_RANGES_MAX of them */
    size_t attachment_count;       /* all of them, also those above the limit */
    struct text repeated;          /* name of an element or hook that stands twice: of all but attachments the first
                                      counts, but another reader may take the last. TEXT_NULL when none does */
    bool has_hooks;                /* a Hooks element, even an empty one */
    struct ccm_hook hooks[CCM_HOOKS_MAX];
    size_t hook_count;
    size_t hooks_lost;      /* hooks above CCM_HOOKS_MAX */
    size_t properties_lost; /* hooks with more properties than are compared: a repeated one may not be seen */
};

/* Decodes the bytes of the header part. On an error what was understood before stays in *header and the outcome says
 * why; header->document.root is NULL when nothing was. Everything lives in `arena` or in the static part of the
 * program. */
MUST_USE enum outcome ccm_header_parse(struct cursor part, struct arena *arena, struct ccm_header *header,
                                       struct error *error);

/* UTF-16 (either order, with or without mark) or UTF-8 to UTF-8; *encoding gets the name of what it was. */
MUST_USE struct text ccm_text_decode(struct cursor bytes, struct arena *arena, const char **encoding, bool *odd);

/* Where a text of the header stands in `part`, which it was parsed from: for whoever shows the bytes. False when it cannot
 * be told (the text is no view into header->text). */
MUST_USE bool ccm_header_locate(const struct ccm_header *header, struct cursor part, struct text text, size_t *offset,
                                size_t *length);

/* The hook of that name (any case); NULL when there is none. */
const struct ccm_hook *ccm_header_hook(const struct ccm_header *header, const char *name);
/* A property of a hook: its element text. TEXT_NULL when the hook is NULL or has none of that name. */
struct text ccm_hook_property(const struct ccm_hook *hook, const char *name);

#endif
