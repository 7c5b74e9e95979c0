/* dissect/configmgr/xml_scan.h: reads XML that is written plainly, several times faster than a whole parser can.
 *
 * Plain is what senders of messages write: an XML declaration, elements, attributes, text, CDATA, the five predefined
 * entities. All else (comments, instructions, document types, other references, names that are not ASCII, every error) is
 * for the library. tests/fuzz/fuzz_xml.c holds the two against each other.
 */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_XML_SCAN_H
#define CMSCOPE_DISSECT_CONFIGMGR_XML_SCAN_H

#include "dissect/configmgr/xml.h"

/* True: `text` is plain and well formed, and *document is what xml_libxml_parse would make of it, except that its texts
 * are views into `text`. False: nothing is known, and *document is not to be used. */
MUST_USE bool xml_scan(struct text text, struct arena *arena, struct xml_document *document);

#endif
