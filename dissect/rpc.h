/* dissect/rpc.h: DCE/RPC (C706 chapter 12, MS-RPCE): interfaces, their names and operations; pipes that carry it. */
#ifndef CMSCOPE_DISSECT_RPC_H
#define CMSCOPE_DISSECT_RPC_H

#include "dissect/dissector.h"

extern const struct dissector rpc_dissector;          /* over TCP, and in pipes */
extern const struct dissector rpc_datagram_dissector; /* connectionless: recognised only */

/* Tells a state of rpc_dissector that a pipe carries it: the row of `smb_file`. */
void rpc_carried_by(void *state, int64_t file);

/* ---- rpc_names.c ---- */

#define RPC_UUID_TEXT 37

/* The 16 bytes of a UUID, as text with its NUL. `big_endian`: as the data representation says. */
void rpc_uuid_text(struct cursor uuid, bool big_endian, char text[RPC_UUID_TEXT]);

struct rpc_interface {
    const char *uuid;
    const char *name;
    const char *purpose;
};

/* NULL for interfaces that are not known. */
const struct rpc_interface *rpc_interface_find(const char *uuid);
/* The name of an operation; NULL when it is not known. */
const char *rpc_operation_name(const struct rpc_interface *interface, unsigned opnum);
/* Whether its stub names things that are worth telling: services, keys, namespaces, paths. */
bool rpc_operation_has_names(const struct rpc_interface *interface, unsigned opnum);

#endif
