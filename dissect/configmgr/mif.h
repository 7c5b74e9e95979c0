/* dissect/configmgr/mif.h: IDMIF and NOIDMIF files: text in the Management Information Format (schema.md 4.10). */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_MIF_H
#define CMSCOPE_DISSECT_CONFIGMGR_MIF_H

#include "dissect/configmgr/body.h"

/* Whether a text is such a file: its first words are a //comment with Architecture, or Start Component. */
bool ccm_mif_recognise(struct text text);

/* Appends a field for each comment that names something, each block and each "keyword = value". */
void ccm_mif_fields(struct ccm_decoder *decoder, struct text text, const char *part, struct ccm_fields *fields);

#endif
