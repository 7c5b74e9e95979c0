/* tests/fuzz/fuzz_header.c: any bytes as the header part of a message, a <Msg> in UTF-16 or UTF-8. */
#include <stdlib.h>

#include "dissect/configmgr/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is shown as standing in the part must stand there. */
static void check_place(const struct ccm_header *header, struct cursor part, struct text text)
{
    size_t offset, length;
    if (ccm_header_locate(header, part, text, &offset, &length) && (offset > part.left || length > part.left - offset))
        abort();
}

static void check_ranges(const struct ccm_header *header)
{
    size_t kept = header->attachment_count < CCM_RANGES_MAX ? header->attachment_count : CCM_RANGES_MAX;
    if (kept > 0 && header->attachments == NULL)
        abort();
    for (size_t i = 0; i < kept; i++) {
        const struct ccm_range *range = &header->attachments[i];
        if (!range->numeric && (range->offset != 0 || range->length != 0))
            abort();
    }
}

static void check_hooks(const struct ccm_header *header)
{
    if (header->hook_count > CCM_HOOKS_MAX)
        abort();
    for (size_t i = 0; i < header->hook_count; i++) {
        const struct ccm_hook *found = ccm_header_hook(header, "clientauth");
        if (header->hooks[i].name.at == NULL || header->hooks[i].xml == NULL ||
            found > &header->hooks[i] + CCM_HOOKS_MAX)
            abort();
        struct text signature = ccm_hook_property(&header->hooks[i], "PayloadSignature");
        if (signature.at == NULL && signature.length > 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor part = cursor_of(data, size);
    struct arena arena;
    struct ccm_header header;
    arena_init(&arena, (size_t)64 << 20);
    xml_setup();
    enum outcome outcome = ccm_header_parse(part, &arena, &header, NULL);
    if (outcome == OUTCOME_OK && (header.document.root == NULL || !header.document.complete))
        abort();
    check_ranges(&header);
    check_hooks(&header);
    check_place(&header, part, header.id);
    check_place(&header, part, header.source_id);
    check_place(&header, part, header.target_endpoint);
    arena_free(&arena);
    return 0;
}
