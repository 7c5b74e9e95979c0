/* tests/fuzz/fuzz_multipart.c: any bytes as a multipart body.
 *
 *   u8 length of a Content-Type, that text (0: the boundary is looked for in the body); then the body
 */
#include <stdlib.h>

#include "dissect/configmgr/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool within(struct cursor whole, const void *at, size_t length)
{
    const uint8_t *start = at;
    return start >= whole.at && length <= whole.left && start + length <= whole.at + whole.left;
}

static void check_part(struct cursor body, const struct ccm_part *part, const struct ccm_part *before)
{
    if (!within(body, part->body.at, part->body.left))
        abort();
    if (part->content_type.at != NULL && !within(body, part->content_type.at, part->content_type.length))
        abort();
    if (part->disposition.at != NULL && !within(body, part->disposition.at, part->disposition.length))
        abort();
    if (before != NULL && part->body.at < before->body.at + before->body.left)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor body = cursor_of(data, size), type;
    struct ccm_multipart multipart;
    uint8_t length;
    if (!cursor_u8(&body, &length) || !cursor_take(&body, length < body.left ? length : body.left, &type))
        return 0;
    struct text boundary = ccm_multipart_boundary(type.left == 0 ? TEXT_NULL : text_from(type));
    if (boundary.at == NULL)
        boundary = ccm_multipart_sniff(body);
    enum outcome outcome = ccm_multipart_split(body, boundary, &multipart, NULL);
    if (multipart.count > CCM_PARTS_MAX || (outcome == OUTCOME_OK && multipart.count == 0))
        abort();
    for (size_t i = 0; i < multipart.count; i++)
        check_part(body, &multipart.parts[i], i == 0 ? NULL : &multipart.parts[i - 1]);
    return 0;
}
