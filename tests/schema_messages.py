"""schema_messages.py: messages of the schema that no capture of the tests holds, written after its published description
(elements and values of the Configuration Manager 2007 SDK) and sent over one connection. They are not signed.
"""

import sys
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "e2e"))

import lab

CLIENT = "GUID:5A3B8C1D-2E4F-4A6B-8C9D-0E1F2A3B4C5D"
SITE = '<AssignedSite SiteCode="PRI"/>'
PLACE = (
    '<ClientLocationInfo><ADSite Name="Berlin"/><IPAddresses><IPAddress SubnetAddress="10.57.20.0" Address="10.57.20.105"/>'
    "</IPAddresses></ClientLocationInfo>"
)
MP_SITE = '<MPSite SiteCode="PRI" MasterSiteCode="PRI" SiteLocality="LOCAL"/>'


def action(number, what, updated=True):
    last = "<InventoryActionLastUpdateTime>20261101100000.000000+000</InventoryActionLastUpdateTime>" if updated else ""
    return (
        f'<InventoryAction ActionType="Predefined"><InventoryActionID>{{00000000-0000-0000-0000-0000000000{number}}}</InventoryActionID>'
        f"<Description>{what}</Description>{last}</InventoryAction>"
    )


def collection(number):
    return (
        f"<FileCollectionAction><FileCollectionActionID>{{00000000-0000-0000-0000-0000000000{number}}}</FileCollectionActionID>"
        "<Description>File Collection</Description></FileCollectionAction>"
    )


def report(actions, body, content="Inventory Data", kind="Full"):
    return (
        "<Report><ReportHeader><Identification><Machine><ClientInstalled>1</ClientInstalled><ClientType>1</ClientType>"
        f"<ClientID>{CLIENT}</ClientID><ClientVersion>4.00.6487.2000</ClientVersion><NetBIOSName>WS1105</NetBIOSName>"
        "<CodePage>437</CodePage><SystemDefaultLCID>1033</SystemDefaultLCID></Machine></Identification><ReportDetails>"
        f"<ReportContent>{content}</ReportContent><ReportType>{kind}</ReportType><Date>20261122101500.000000+060</Date>"
        f"<Version>1.0</Version><Format>1.1</Format></ReportDetails>{actions}</ReportHeader>{body}</Report>"
    )


INVENTORY = (
    '<ReportBody><Instance ParentClass="FileSystemFile" Class="FileSystemFile" Namespace="\\\\WS1105\\root\\ccm" Content="New">'
    "<FileSystemFile><CompanyName>Contoso</CompanyName><FileDescription>Editor</FileDescription><FileVersion>1.2.0.0</FileVersion>"
    "<LastWriteDate>20260301080000.000000+000</LastWriteDate><Name>editor.exe</Name><Path>C:\\Program Files\\Editor\\</Path>"
    "<ProductLanguage>1033</ProductLanguage><ProductName>Editor</ProductName><ProductVersion>1.2</ProductVersion><Size>524288</Size>"
    "</FileSystemFile></Instance></ReportBody>"
)


def collected(name, size):
    return (
        f'<ReportBody><CollectedFile Content="New" ID="1"><LastWriteDate>20261120090000.000000+000</LastWriteDate><Name>{name}</Name>'
        f"<Path>C:\\Windows\\</Path><Size>{size}</Size></CollectedFile><CollectedFileSum>1</CollectedFileSum></ReportBody>"
    )


SETTINGS = b"[windows]\r\nload=\r\n"
MIF = (
    b'//Architecture<Machine Asset>\r\n//UniqueID<WS1105>\r\nStart Component\r\n Name = "Asset"\r\n Start Group\r\n  Name = "Asset tag"\r\n'
    b'  ID = 1\r\n  Class = "Contoso|Asset|1.0"\r\n  Start Attribute\r\n   Name = "Number"\r\n   ID = 1\r\n   Type = String(16)\r\n'
    b'   Value = "A-4711"\r\n  End Attribute\r\n End Group\r\nEnd Component\r\n'
)
METERING = report(
    "",
    '<ReportBody><ProductInfo CompanyName="Contoso" ProductName="Editor" ProductVersion="1.2" ProductLanguage="1033"><SoftwareFileInfo '
    'FileName="editor.exe" FileVersion="1.2.0.0" FileDescription="Editor" FileSize="524288"><HistoricalMeterData '
    'MeterDataID="{D9B8A5C4-1E2F-4D3C-9B8A-7F6E5D4C3B2A}" UserName="CONTOSO\\anna" StartTime="20261122080000.000000+000" '
    'EndTime="20261122094500.000000+000" Status="9"/></SoftwareFileInfo></ProductInfo></ReportBody>',
    "Software Metering Data",
)
STATUS = (
    '<Status SchemaVersion="1.0" CodePage="437" LocaleID="1033"><Type>SMS_SoftwareDistribution_Event</Type><Properties>'
    '<Property Name="AdvertisementId">PRI20001</Property><Property Name="PackageName">Editor</Property>'
    '<Property Name="ProgramName">Install</Property></Properties><Qualifiers><Qualifier Name="Severity">0</Qualifier></Qualifiers></Status>'
)
FALLBACK = report(
    "",
    '<ReportBody><StateMessage MessageTime="20261122101400.000000+000" SerialNumber="1"><Topic ID="client deployment" Type="800" '
    'IDType="0"/><State ID="301" Criticality="0"/><UserParameters Flags="0" Count="1"><Param>1603</Param></UserParameters>'
    "</StateMessage></ReportBody>",
    "State Message Data",
)

ITEM = (
    '<?xml version="1.0" encoding="utf-16"?><ConfigurationItem><SdmTypeReference><ModelName>Contoso/Baseline</ModelName><PackageName>Baseline'
    "</PackageName><PackageVersion>3</PackageVersion><PackageHash>9A0364B9E99BB480DD25E1F0284C8555</PackageHash><PackageHashAlgorithm>1"
    "</PackageHashAlgorithm></SdmTypeReference><IsBundle>false</IsBundle><IsEnabled>true</IsEnabled><IsExpired>false</IsExpired>"
    "<CISource><Id>PRI</Id><Version>3</Version></CISource></ConfigurationItem>"
)

# name: (endpoint, body, attachments {name: bytes}, file type, root of the reply or None: it is only posted)
MESSAGES = {
    "local": ("MP_LocationManager", f'<LocalMPLocationRequest SchemaVersion="1.0">{SITE}{PLACE}</LocalMPLocationRequest>', {}, None,
              f'<LocalMPLocationReply SchemaVersion="1.0"><Sites><Site>{MP_SITE}</Site></Sites></LocalMPLocationReply>'),
    "wsus": ("MP_LocationManager", '<WSUSLocationRequest SchemaVersion="1.00"><Content ID="{3F1A2B3C-4D5E-4F60-8172-93A4B5C6D7E8}" Version="4"/>'
             f"{SITE}{PLACE}</WSUSLocationRequest>", {}, None,
             f'<WSUSLocationReply SchemaVersion="1.00"><Sites><Site>{MP_SITE}<LocationRecords><LocationRecord '
             'WSUSURL="http://sup01.corp.contoso.test:8530" ServerName="sup01.corp.contoso.test" Version="4"/></LocationRecords></Site></Sites>'
             "</WSUSLocationReply>"),
    "software": ("MP_SinvEndpoint", report(action("02", "Software", False), "<ReportBody/>"),
                 {"{00000000-0000-0000-0000-000000000002}": report(action("02", "Software", False), INVENTORY)}, None, None),
    "file": ("MP_SinvCollFileEndpoint", report(collection("10"), collected("win.ini", len(SETTINGS))), {"1": SETTINGS}, "FILECOLL", None),
    "idmif": ("MP_RelayEndpoint", report(collection("11"), collected("asset.mif", len(MIF))), {"1": MIF}, "IDMIF", None),
    "metering": ("MP_RelayEndpoint", METERING, {}, "SWM", None),
    "status": ("StatusReceiver", STATUS, {}, "STA", None),
    "id": ("MP_ClientIdManager", "<ClientIDRequest><Identification><Machine><SMBIOS>4C4C4544-0042-3510-8057-B5C04F4E3332</SMBIOS>"
           "<MacAddress>00:15:5D:01:02:03</MacAddress></Machine></Identification></ClientIDRequest>", {}, None,
           f"<Identification><Machine><ClientID>{CLIENT}</ClientID><NetbiosName>WS1105</NetbiosName></Machine></Identification>"),
    "driver": ("MP_DriverManager", '<DriverCatalogRequest SchemaVersion="1.00" RequestType="Full"><Categories><Category>Network</Category>'
               '</Categories><Devices><Device DeviceID="PCI\\VEN_8086"><HwId Compatible="0">PCI\\VEN_8086&amp;DEV_15D7</HwId></Device></Devices>'
               "</DriverCatalogRequest>", {}, None,
               '<DriverCatalogResponse><Devices><Device DeviceID="PCI\\VEN_8086"><CompatibleDrivers><Driver SDMPackageName="ScopeId_1/Driver_2" '
               'SDMPackageVersion="1" SDMPackageHash="1A2B3C"/></CompatibleDrivers></Device></Devices></DriverCatalogResponse>'),
    "application": ("MP_AppStateManager", '<AppStateServicesRequest><AppStateRequest OfferName="ScopeId_1/Application_7" '
                    'UserSID="S-1-5-21-1-2-3-1105" DeviceID="16777220"/></AppStateServicesRequest>', {}, None,
                    '<AppstateManagerReply AppState="1" ErrorCode="0"/>'),
    "token": ("MP_TokenManager", "<TokenServicesRequest/>", {}, None, None),
}  # fmt: skip


def wide(text):
    return text.encode("utf-16-le")


def part(header, payload):
    delimiter = f"--{lab.BOUNDARY}\r\ncontent-type: "
    return b"".join((
        f"{delimiter}text/plain; charset=UTF-16\r\n\r\n".encode() + b"\xff\xfe" + wide(header),
        f"\r\n{delimiter}application/octet-stream\r\n\r\n".encode() + zlib.compress(payload),
        f"\r\n--{lab.BOUNDARY}--".encode(),
    ))  # fmt: skip


def header(body, attachments, fields):
    """A <Msg> for a payload of that body and those attachments, and the payload."""
    payload, ranges = wide(body) + b"\0\0", ""
    length = len(payload)
    for name, content in attachments.items():
        content = wide("\ufeff" + content) if isinstance(content, str) else content
        ranges += f'<Attachment Name="{name}" Type="ByteRange" Offset="{len(payload)}" Length="{len(content)}"/>'
        payload += content + b"\0\0"
    elements = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    text = (
        f'<Msg ReplyCompression="zlib" SchemaVersion="1.1">{elements}<Protocol>http</Protocol><Body Type="ByteRange" Offset="0" '
        f'Length="{length}"/>{ranges}<Hooks><Hook3 Name="zlib-compress"/></Hooks><Payload Type="inline"/></Msg>'
    )
    return text, payload


def request(number, name):
    endpoint, body, attachments, file_type, reply = MESSAGES[name]
    fields = {
        "ID": f"{{00000000-0000-4000-8000-{number:012d}}}", "SourceID": CLIENT, "SourceHost": "WS1105", "TargetAddress": f"mp:{endpoint}",
        "TargetHost": "mp01.corp.contoso.test", "TargetEndpoint": endpoint, "ReplyTo": "direct:WS1105:SccmMessaging",
        "ReplyMode": "Async" if reply is None else "Sync", "SentTime": "2026-11-22T09:15:00Z",
    }  # fmt: skip
    if name == "token":
        fields["ReplyMode"] = "Sync"
    text, payload = header(body, attachments, fields)
    if file_type is not None:
        text = text.replace("<Hooks>", f'<Property Name="FileType" Value="{file_type}"/><Hooks>')
    return part(text, payload)


def answer(number, reply):
    if reply is None:
        return f"--{lab.BOUNDARY}\r\ncontent-type: text/plain; charset=UTF-16\r\n\r\n".encode() + b"\xff\xfe" + wide("NoReply") + f"\r\n--{lab.BOUNDARY}--".encode()
    fields = {"ID": f"{{00000000-0000-4000-9000-{number:012d}}}", "CorrelationID": f"{{00000000-0000-4000-8000-{number:012d}}}",
              "SourceHost": "MP01", "ReplyMode": "Reply", "SentTime": "2026-11-22T09:15:00Z"}  # fmt: skip
    return part(*header(reply, {}, fields))


def post(method, path, content, kind, agent="ccmhttp"):
    head = f"{method} {path} HTTP/1.1\r\nHost: mp01.corp.contoso.test\r\nUser-Agent: {agent}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def capture():
    """The packets of a capture with all of them, a message to a fallback status point, and a configuration item that is fetched."""
    kind = f'multipart/mixed; boundary="{lab.BOUNDARY}"'
    talk = lab.Conversation(client=("10.57.20.105", 50105), server=("10.57.20.11", 80), start=1_795_338_900 * 10**9)
    for number, (name, (_, _, _, _, reply)) in enumerate(MESSAGES.items(), 1):
        talk.send(post("CCM_POST", "/ccm_system/request", request(number, name), kind))
        talk.answer(lab.http_reply(b"" if name == "token" else answer(number, reply), headers=f"Content-Type: {kind}\r\n".encode()))
    talk.send(post("POST", "/SMS_FSP/.sms_fsp", wide(FALLBACK) + b"\0\0", "application/octet-stream")).answer(lab.http_reply())
    talk.send(b"GET /SMS_MP/.sms_dcm?Id&DocumentId=Contoso/Baseline&Version=3&Compression=zlib HTTP/1.1\r\nHost: mp01.corp.contoso.test\r\n\r\n")
    talk.answer(lab.http_reply(zlib.compress(b"\xff\xfe" + wide(ITEM))))
    return talk.close().packets
