/* dissect/smb1_block.c: see smb1_block.h. */
#include "dissect/smb1_block.h"

bool smb1_block_take(struct cursor head, size_t offset, uint8_t command, struct smb1_block *block)
{
    struct cursor at;
    uint8_t words;
    uint16_t bytes;
    *block = (struct smb1_block){.command = command};
    if (offset > head.left || !cursor_slice(head, offset, head.left - offset, &at) || !cursor_u8(&at, &words) ||
        !cursor_take(&at, (size_t)words * 2, &block->words))
        return false;
    if (!cursor_le16(&at, &bytes))
        bytes = 0;
    if (!cursor_take(&at, bytes < at.left ? bytes : at.left, &block->bytes))
        return false;
    return true;
}

uint16_t smb1_word(const struct smb1_block *block, size_t number)
{
    struct cursor at;
    uint16_t value = 0;
    if (!cursor_slice(block->words, number * 2, 2, &at) || !cursor_le16(&at, &value))
        return 0;
    return value;
}

uint32_t smb1_word32_at(const struct smb1_block *block, size_t byte)
{
    struct cursor at;
    uint32_t value = 0;
    if (!cursor_slice(block->words, byte, 4, &at) || !cursor_le32(&at, &value))
        return 0;
    return value;
}

size_t smb1_word_count(const struct smb1_block *block)
{
    return block->words.left / 2;
}
