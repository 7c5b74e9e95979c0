/* records/functions.h: SQL functions about network names, for rule authors. All give NULL for NULL and for what they
 * cannot read, and depend on nothing but their arguments.
 *
 *   is_ip(text)              1 when text is an IPv4 or IPv6 address, else 0
 *   ip_in(address, 'cidr')   1 when the address lies in the network ('10.0.0.0/8', 'fd00::/8'), else 0
 *   host_of(text)            the host in a URL, a Host header or a name: no scheme, port, path or brackets, lower case
 *   ptr_address(name)        the address that a pointer name (1.0.0.10.in-addr.arpa) stands for
 */
#ifndef CMSCOPE_RECORDS_FUNCTIONS_H
#define CMSCOPE_RECORDS_FUNCTIONS_H

#include <sqlite3.h>

#include "core/error.h"

/* Returns a result code of SQLite. */
MUST_USE int functions_register(sqlite3 *db);

#endif
