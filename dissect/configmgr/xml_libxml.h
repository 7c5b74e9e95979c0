/* dissect/configmgr/xml_libxml.h: the reader of XML that knows all of it: libxml2. */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_XML_LIBXML_H
#define CMSCOPE_DISSECT_CONFIGMGR_XML_LIBXML_H

#include "dissect/configmgr/xml.h"

/* As xml_parse; *document does not refer to `text`. */
MUST_USE enum outcome xml_libxml_parse(struct text text, struct arena *arena, struct xml_document *document,
                                       struct error *error);

#endif
