/* dissect/smb1_block.h: the blocks of an SMB1 message (MS-CIFS 2.2.3.2, 2.2.3.3): words and bytes of one command each.
 *
 *   u8 count, that many u16 words, u16 count, that many bytes
 */
#ifndef CMSCOPE_DISSECT_SMB1_BLOCK_H
#define CMSCOPE_DISSECT_SMB1_BLOCK_H

#include "core/cursor.h"

struct smb1_block {
    uint8_t command;
    struct cursor words, bytes;
};

/* Takes the block at `offset` from the header; its bytes as far as they are there. False when its words are not. */
MUST_USE bool smb1_block_take(struct cursor head, size_t offset, uint8_t command, struct smb1_block *block);

/* A word of the block, by its number in 16-bit words; 32 bits of the words, by the number of their first byte. 0 when the block
 * is too short. */
uint16_t smb1_word(const struct smb1_block *block, size_t number);
uint32_t smb1_word32_at(const struct smb1_block *block, size_t byte);
size_t smb1_word_count(const struct smb1_block *block);

#endif
