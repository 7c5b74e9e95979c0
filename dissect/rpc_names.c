/* dissect/rpc_names.c: interfaces and operations by name (the interface definitions at the end of MS-SCMR, MS-RRP,
 * MS-WMI, MS-DCOM, MS-RPRN, MS-EFSR, MS-DFSNM, MS-FSRVP, MS-EVEN, MS-SAMR, MS-LSAD, MS-NRPC, MS-DRSR, MS-SRVS ...). */
#include <stdio.h>
#include <string.h>

#include "capture/order.h"
#include "dissect/rpc.h"

static const struct rpc_interface INTERFACES[] = {
    {"e1af8308-5d1f-11c9-91a4-08002b14a0fa", "epmapper", "endpoint-mapper"},
    {"367abb81-9844-35f1-ad32-98f038001003", "svcctl", "service-control"},
    {"338cd001-2244-31f1-aaaa-900038001003", "winreg", "registry"},
    {"4b324fc8-1670-01d3-1278-5a47bf6ee188", "srvsvc", "server"},
    {"6bffd098-a112-3610-9833-46c3f87e345a", "wkssvc", "workstation"},
    {"12345778-1234-abcd-ef00-0123456789ac", "samr", "accounts"},
    {"12345778-1234-abcd-ef00-0123456789ab", "lsarpc", "policy"},
    {"3919286a-b10c-11d0-9ba8-00c04fd92ef5", "dssetup", "policy"},
    {"12345678-1234-abcd-ef00-01234567cffb", "netlogon", "netlogon"},
    {"e3514235-4b06-11d1-ab04-00c04fc2dcd2", "drsuapi", "directory"},
    {"f5cc5a18-4264-101a-8c59-08002b2f8426", "nspi", "directory"},
    {"1544f5e0-613c-11d1-93df-00c04fd7bd09", "rfr", "directory"},
    {"a4f1db00-ca47-1067-b31f-00dd010662da", "mapi", "mail"},
    {"12345678-1234-abcd-ef00-0123456789ab", "spoolss", "coercion"},
    {"76f03f96-cdfd-44fc-a22c-64950a001209", "winspool", "coercion"},
    {"c681d488-d850-11d0-8c52-00c04fd90f7e", "efsrpc", "coercion"},
    {"df1941c5-fe89-4e79-bf10-463657acf44d", "efsrpc", "coercion"},
    {"4fc742e0-4a10-11cf-8273-00aa004ae673", "netdfs", "coercion"},
    {"a8e0653c-2744-4389-a61d-7373df8b2292", "fssagent", "coercion"},
    {"82273fdc-e32a-18c3-3f78-827929dc23ea", "eventlog", "eventlog"},
    {"f6beaff7-1e19-4fbb-9f8f-b89e2018337c", "eventlog6", "eventlog"},
    {"1ff70682-0a51-30e8-076d-740be8cee98b", "atsvc", "tasks"},
    {"86d35949-83c9-4044-b424-db363231fd0c", "taskscheduler", "tasks"},
    {"378e52b0-c0a9-11cf-822d-00aa0051e40f", "sasec", "tasks"},
    {"894de0c0-0d55-11d3-a322-00c04fa321a1", "initshutdown", "shutdown"},
    {"d95afe70-a6d5-4259-822e-2c84da1ddb0d", "winreg-shutdown", "shutdown"},
    {"91ae6020-9e3c-11cf-8d7c-00aa00c091be", "icertpassage", "certificates"},
    {"d99e6e70-fc88-11d0-b498-00a0c90312f3", "icertrequest", "certificates"},
    {"50abc2a4-574d-40b3-9d66-ee4fd5fba076", "dnsserver", "dns"},
    {"6bffd098-a112-3610-9833-012892020162", "browser", "browser"},
    {"99fcfec4-5260-101b-bbcb-00aa0021347a", "IObjectExporter", "dcom"},
    {"000001a0-0000-0000-c000-000000000046", "IRemoteSCMActivator", "dcom"},
    {"4d9f4ab8-7d1c-11cf-861e-0020af6e7c57", "IActivation", "dcom"},
    {"00000131-0000-0000-c000-000000000046", "IRemUnknown", "dcom"},
    {"00000143-0000-0000-c000-000000000046", "IRemUnknown2", "dcom"},
    {"00000132-0000-0000-c000-000000000046", "ILocalSystemActivator", "dcom"},
    {"00000000-0000-0000-c000-000000000046", "IUnknown", "dcom"},
    {"00020400-0000-0000-c000-000000000046", "IDispatch", "dcom"},
    {"f309ad18-d86a-11d0-a075-00c04fb68820", "IWbemLevel1Login", "wmi"},
    {"d4781cd6-e5d3-44df-ad94-930efe48a887", "IWbemLoginClientID", "wmi"},
    {"9f6c78ef-fce5-42fa-abea-3e7df91921dc", "IWbemLoginClientIDEx", "wmi"},
    {"9556dc99-828c-11cf-a37e-00aa003240c7", "IWbemServices", "wmi"},
    {"027947e1-d731-11ce-a357-000000000001", "IEnumWbemClassObject", "wmi"},
    {"1c1c45ee-4395-11d2-b60b-00104b703efd", "IWbemFetchSmartEnum", "wmi"},
    {"423ec01e-2e35-11d2-b604-00104b703efd", "IWbemWCOSmartEnum", "wmi"},
    {"44aca674-e8fc-11d0-a07c-00c04fb68820", "IWbemContext", "wmi"},
    {"44aca675-e8fc-11d0-a07c-00c04fb68820", "IWbemCallResult", "wmi"},
    {"7c857801-7381-11cf-884d-00aa004b2e24", "IWbemObjectSink", "wmi"},
    {"dc12a681-737f-11cf-884d-00aa004b2e24", "IWbemClassObject", "wmi"},
    {"674b6698-ee92-11d0-ad71-00c04fd8fdff", "IWbemContext", "wmi"},
};

static const struct {
    const char *interface;
    unsigned opnum;
    const char *name;
    bool names; /* its stub names things */
} OPERATIONS[] = {
    {"epmapper", 2, "ept_lookup", false},
    {"epmapper", 3, "ept_map", false},
    {"svcctl", 0, "CloseServiceHandle", false},
    {"svcctl", 1, "ControlService", false},
    {"svcctl", 2, "DeleteService", false},
    {"svcctl", 6, "QueryServiceStatus", false},
    {"svcctl", 11, "ChangeServiceConfigW", true},
    {"svcctl", 12, "CreateServiceW", true},
    {"svcctl", 14, "EnumServicesStatusW", false},
    {"svcctl", 15, "OpenSCManagerW", false},
    {"svcctl", 16, "OpenServiceW", true},
    {"svcctl", 17, "QueryServiceConfigW", false},
    {"svcctl", 19, "StartServiceW", false},
    {"svcctl", 24, "CreateServiceA", false},
    {"svcctl", 27, "OpenSCManagerA", false},
    {"svcctl", 28, "OpenServiceA", false},
    {"svcctl", 31, "StartServiceA", false},
    {"svcctl", 60, "CreateServiceWOW64W", true},
    {"winreg", 0, "OpenClassesRoot", false},
    {"winreg", 1, "OpenCurrentUser", false},
    {"winreg", 2, "OpenLocalMachine", false},
    {"winreg", 4, "OpenUsers", false},
    {"winreg", 5, "BaseRegCloseKey", false},
    {"winreg", 6, "BaseRegCreateKey", true},
    {"winreg", 7, "BaseRegDeleteKey", true},
    {"winreg", 8, "BaseRegDeleteValue", true},
    {"winreg", 9, "BaseRegEnumKey", false},
    {"winreg", 10, "BaseRegEnumValue", false},
    {"winreg", 15, "BaseRegOpenKey", true},
    {"winreg", 16, "BaseRegQueryInfoKey", false},
    {"winreg", 17, "BaseRegQueryValue", true},
    {"winreg", 20, "BaseRegSaveKey", true},
    {"winreg", 22, "BaseRegSetValue", true},
    {"IWbemLevel1Login", 3, "EstablishPosition", false},
    {"IWbemLevel1Login", 4, "RequestChallenge", false},
    {"IWbemLevel1Login", 5, "WBEMLogin", false},
    {"IWbemLevel1Login", 6, "NTLMLogin", true},
    {"IWbemServices", 3, "OpenNamespace", true},
    {"IWbemServices", 6, "GetObject", true},
    {"IWbemServices", 8, "PutClass", false},
    {"IWbemServices", 14, "PutInstance", false},
    {"IWbemServices", 16, "DeleteInstance", true},
    {"IWbemServices", 18, "CreateInstanceEnum", true},
    {"IWbemServices", 20, "ExecQuery", true},
    {"IWbemServices", 22, "ExecNotificationQuery", true},
    {"IWbemServices", 24, "ExecMethod", true},
    {"IRemoteSCMActivator", 3, "RemoteGetClassObject", false},
    {"IRemoteSCMActivator", 4, "RemoteCreateInstance", false},
    {"IObjectExporter", 0, "ResolveOxid", false},
    {"IObjectExporter", 1, "SimplePing", false},
    {"IObjectExporter", 2, "ComplexPing", false},
    {"IObjectExporter", 3, "ServerAlive", false},
    {"IObjectExporter", 4, "ResolveOxid2", false},
    {"IObjectExporter", 5, "ServerAlive2", false},
    {"IRemUnknown", 3, "RemQueryInterface", false},
    {"IRemUnknown", 4, "RemAddRef", false},
    {"IRemUnknown", 5, "RemRelease", false},
    {"IRemUnknown2", 3, "RemQueryInterface", false},
    {"IRemUnknown2", 4, "RemAddRef", false},
    {"IRemUnknown2", 5, "RemRelease", false},
    {"IRemUnknown2", 6, "RemQueryInterface2", false},
    {"spoolss", 1, "RpcOpenPrinter", false},
    {"spoolss", 62, "RpcRemoteFindFirstPrinterChangeNotification", true},
    {"spoolss", 65, "RpcRemoteFindFirstPrinterChangeNotificationEx", true},
    {"spoolss", 69, "RpcOpenPrinterEx", false},
    {"efsrpc", 0, "EfsRpcOpenFileRaw", true},
    {"efsrpc", 4, "EfsRpcEncryptFileSrv", true},
    {"efsrpc", 5, "EfsRpcDecryptFileSrv", true},
    {"efsrpc", 6, "EfsRpcQueryUsersOnFile", true},
    {"efsrpc", 7, "EfsRpcQueryRecoveryAgents", true},
    {"efsrpc", 8, "EfsRpcRemoveUsersFromFile", true},
    {"efsrpc", 9, "EfsRpcAddUsersToFile", true},
    {"efsrpc", 12, "EfsRpcFileKeyInfo", true},
    {"efsrpc", 13, "EfsRpcDuplicateEncryptionInfoFile", true},
    {"efsrpc", 15, "EfsRpcAddUsersToFileEx", true},
    {"netdfs", 12, "NetrDfsAddStdRoot", true},
    {"netdfs", 13, "NetrDfsRemoveStdRoot", true},
    {"fssagent", 8, "IsPathSupported", true},
    {"fssagent", 9, "IsPathShadowCopied", true},
    {"eventlog", 9, "ElfrOpenBELW", true},
    {"samr", 64, "SamrConnect5", false},
    {"samr", 13, "SamrEnumerateUsersInDomain", false},
    {"lsarpc", 44, "LsarOpenPolicy2", false},
    {"lsarpc", 76, "LsarLookupSids3", false},
    {"lsarpc", 77, "LsarLookupNames4", false},
    {"netlogon", 2, "NetrLogonSamLogon", false},
    {"netlogon", 4, "NetrServerReqChallenge", false},
    {"netlogon", 26, "NetrServerAuthenticate3", false},
    {"netlogon", 30, "NetrServerPasswordSet2", false},
    {"netlogon", 39, "NetrLogonSamLogonEx", false},
    {"drsuapi", 0, "IDL_DRSBind", false},
    {"drsuapi", 1, "IDL_DRSUnbind", false},
    {"drsuapi", 3, "IDL_DRSGetNCChanges", false},
    {"drsuapi", 12, "IDL_DRSCrackNames", false},
    {"drsuapi", 16, "IDL_DRSDomainControllerInfo", false},
    {"srvsvc", 12, "NetrSessionEnum", false},
    {"srvsvc", 15, "NetrShareEnum", false},
    {"srvsvc", 16, "NetrShareGetInfo", false},
    {"srvsvc", 21, "NetrServerGetInfo", false},
    {"wkssvc", 0, "NetrWkstaGetInfo", false},
    {"wkssvc", 2, "NetrWkstaUserEnum", false},
    {"taskscheduler", 1, "SchRpcRegisterTask", false},
    {"atsvc", 0, "NetrJobAdd", false},
    {"nspi", 0, "NspiBind", false},
};

void rpc_uuid_text(struct cursor uuid, bool big_endian, char text[RPC_UUID_TEXT])
{
    uint32_t low = 0;
    uint16_t middle = 0, high = 0;
    if (!order_u32(&uuid, big_endian, &low) || !order_u16(&uuid, big_endian, &middle) ||
        !order_u16(&uuid, big_endian, &high) || uuid.left < 8) {
        text[0] = '\0';
        return;
    }
    const uint8_t *rest = uuid.at;
    snprintf(text, RPC_UUID_TEXT, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", low, middle, high, rest[0],
             rest[1], rest[2], rest[3], rest[4], rest[5], rest[6], rest[7]);
}

const struct rpc_interface *rpc_interface_find(const char *uuid)
{
    for (size_t i = 0; i < sizeof INTERFACES / sizeof INTERFACES[0]; i++) {
        if (strcmp(INTERFACES[i].uuid, uuid) == 0)
            return &INTERFACES[i];
    }
    return NULL;
}

const char *rpc_operation_name(const struct rpc_interface *interface, unsigned opnum)
{
    for (size_t i = 0; interface != NULL && i < sizeof OPERATIONS / sizeof OPERATIONS[0]; i++) {
        if (OPERATIONS[i].opnum == opnum && strcmp(OPERATIONS[i].interface, interface->name) == 0)
            return OPERATIONS[i].name;
    }
    return NULL;
}

bool rpc_operation_has_names(const struct rpc_interface *interface, unsigned opnum)
{
    for (size_t i = 0; interface != NULL && i < sizeof OPERATIONS / sizeof OPERATIONS[0]; i++) {
        if (OPERATIONS[i].opnum == opnum && strcmp(OPERATIONS[i].interface, interface->name) == 0)
            return OPERATIONS[i].names;
    }
    return false;
}
