/* bench/bodies.c: see bodies.h. */
#include "bench/bodies.h"

#include "bench/bytes.h"

#define ROLLS_MAX 12
#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof(array)[0]))

/* Random numbers for one text. They are rolled before it is written, because C does not say in which order arguments are
 * evaluated, and the same seed gives the same text. */
struct rolls {
    uint32_t at[ROLLS_MAX];
};

/* Numbers from 0 to below each of the limits, which end with a 0. */
static struct rolls roll(struct dice *dice, const uint32_t limits[ROLLS_MAX])
{
    struct rolls rolls = {{0}};
    for (size_t i = 0; i < ROLLS_MAX && limits[i] != 0; i++)
        rolls.at[i] = dice_below(dice, limits[i]);
    return rolls;
}

#define ROLL(dice, ...) roll(dice, (const uint32_t[ROLLS_MAX]){__VA_ARGS__})

/* ---- Registration (wire.md 6.2) ---- */

void body_registration_data(const struct speaker *speaker, struct cursor certificate, struct buffer *xml)
{
    static const char *const uses[] = {"Encryption", "Signing"};
    put_format(xml, "<Data HashAlgorithm=\"1.2.840.113549.1.1.11\" SMSID=\"\" RequestType=\"Registration\" "
                    "TimeStamp=\"2026-11-01T10:00:00Z\"><AgentInformation AgentIdentity=\"CcmExec.exe\" "
                    "AgentVersion=\"5.00.9106.1000\" AgentType=\"0\" /><Certificates>");
    for (size_t i = 0; i < COUNT(uses); i++) {
        put_format(xml, "<%s Encoding=\"HexBinary\" KeyType=\"1\">", uses[i]);
        put_hex(xml, certificate);
        put_format(xml, "</%s>", uses[i]);
    }
    put_format(
        xml,
        "</Certificates><DiscoveryProperties><Property Name=\"Netbios Name\" Value=\"%s\" />"
        "<Property Name=\"FQ Name\" Value=\"%s.corp.contoso.test\" /><Property Name=\"Locale ID\" Value=\"1033\" />"
        "<Property Name=\"InternetFlag\" Value=\"0\" /></DiscoveryProperties></Data>",
        speaker->client->name, speaker->client->name);
}

void body_registration_reply(const struct speaker *speaker, struct buffer *xml)
{
    put_format(
        xml,
        "<ClientRegistrationResponse ResponseType=\"Registration\" TimeStamp=\"2026-11-01T10:00:00Z\" Status=\"0\" "
        "SMSID=\"%s\" ApprovalStatus=\"1\"/>",
        speaker->client->id);
}

/* ---- Policy (wire.md 6.3, 7.2) ---- */

static void put_identification(const struct speaker *speaker, struct buffer *xml)
{
    put_format(xml,
               "<Identification><Machine><ClientID>%s</ClientID><FQDN>%s.corp.contoso.test</FQDN><NetBIOSName>%s"
               "</NetBIOSName><SID /></Machine>",
               speaker->client->id, speaker->client->name, speaker->client->name);
}

void body_policy_request(const struct speaker *speaker, struct buffer *xml)
{
    struct rolls cookie = ROLL(speaker->dice, 24, 60, 60, 1000);
    put_format(xml, "<RequestAssignments SchemaVersion=\"1.00\" ACK=\"false\" RequestType=\"OnUpdate\">");
    put_identification(speaker, xml);
    put_format(xml,
               "<User /></Identification><PolicySource>SMS:PRI</PolicySource><Resource ResourceType=\"Machine\" />"
               "<ServerCookie>2026-10-31 %02u:%02u:%02u.%03u</ServerCookie></RequestAssignments>",
               cookie.at[0], cookie.at[1], cookie.at[2], cookie.at[3]);
}

static void put_assignment(const struct speaker *speaker, struct buffer *xml)
{
    static const char *const categories[] = {"", "SoftwareUpdatesAgent", "CollectionSettings", "SoftwareDistribution",
                                             "Machine"};
    char assignment[ID_CHARACTERS + 1], policy[ID_CHARACTERS + 1];
    struct dice *dice = speaker->dice;
    guid_new(dice, assignment);
    guid_new(dice, policy);
    struct rolls hash = ROLL(dice, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX);
    struct rolls facts = ROLL(dice, 30, 8000, COUNT(categories));
    put_format(
        xml,
        "<PolicyAssignment PolicyAssignmentID=\"{%s}\"><Condition><Operator OperatorType=\"AND\"><Expression "
        "ExpressionLanguage=\"WQL\" ExpressionType=\"until-true\">SELECT * FROM Win32_OperatingSystem WHERE "
        "BuildNumber &gt;= %u</Expression></Operator></Condition><Policy PolicyID=\"{%s}\" PolicyVersion=\"%u.00\" "
        "PolicyType=\"Machine\" PolicyCategory=\"%s\" PolicyFlags=\"16\" PolicyPriority=\"25\"><PolicyLocation "
        "PolicyHash=\"SHA1:%08X%08X%08X%08X%08X\"><![CDATA[http://<mp>/SMS_MP/.sms_pol?{%s}.%u_00]]></PolicyLocation>"
        "</Policy></PolicyAssignment>",
        assignment, 17763 + facts.at[1], policy, 1 + facts.at[0], categories[facts.at[2]], hash.at[0], hash.at[1],
        hash.at[2], hash.at[3], hash.at[4], policy, 1 + facts.at[0]);
}

void body_policy_reply(const struct speaker *speaker, struct buffer *xml)
{
    put_format(xml, "<ReplyAssignments SchemaVersion=\"1.00\" ReplyType=\"Delta\">");
    put_identification(speaker, xml);
    put_format(xml, "</Identification><PolicySource>SMS:PRI</PolicySource><Resource ResourceType=\"Machine\"/>"
                    "<ServerCookie>2026-11-01 09:59:59.337</ServerCookie>");
    for (unsigned i = 0; i < speaker->size; i++)
        put_assignment(speaker, xml);
    put_format(xml, "</ReplyAssignments>");
}

void body_policy(const struct speaker *speaker, struct buffer *xml)
{
    char policy[ID_CHARACTERS + 1], rule[ID_CHARACTERS + 1];
    guid_new(speaker->dice, policy);
    put_format(xml,
               "<?xml version=\"1.0\"?>\r\n<Policy PolicyType=\"Machine\" PolicyID=\"{%s}\" PolicyVersion=\"5.00\" "
               "SchemaVersion=\"1.0\">\r\n",
               policy);
    for (unsigned i = 0; i < speaker->size; i++) {
        struct rolls values = ROLL(speaker->dice, 100, 1440);
        guid_new(speaker->dice, rule);
        put_format(
            xml,
            "<PolicyRule PolicyRuleID=\"{%s}\">\r\n<PolicyAction PolicyActionType=\"WMI-XML\"><instance "
            "class=\"CCM_ClientAgentConfig\"><property name=\"SiteSettingsKey\" type=\"19\"><value>%u</value>"
            "</property><property name=\"EvaluationInterval\" type=\"19\"><value>%u</value></property></instance>"
            "</PolicyAction>\r\n</PolicyRule>\r\n",
            rule, values.at[0], values.at[1]);
    }
    put_format(xml, "</Policy>\r\n");
}

/* ---- Location (wire.md 6.4) ---- */

void body_location_request(const struct speaker *speaker, struct buffer *xml)
{
    struct rolls facts = ROLL(speaker->dice, 250, 254, 4096, 9);
    uint32_t net = facts.at[0];
    put_format(
        xml,
        "<ContentLocationRequest SchemaVersion=\"1.00\" BGRVersion=\"1\"><AssignedSite SiteCode=\"PRI\" />"
        "<ClientLocationInfo LocationType=\"SMSPackage\" DistributeOnDemand=\"0\" UseProtected=\"0\" "
        "AllowCaching=\"0\" BranchDPFlags=\"0\" AllowHTTP=\"1\" AllowSMB=\"0\" AllowMulticast=\"0\" "
        "UseInternetDP=\"0\"><ADSite Name=\"Site-%u\" /><Forest Name=\"corp.contoso.test\" /><Domain "
        "Name=\"corp.contoso.test\" /><IPAddresses><IPAddress SubnetAddress=\"10.1.%u.0\" Address=\"10.1.%u.%u\" />"
        "</IPAddresses></ClientLocationInfo><Package DeploymentFlags=\"0\" ID=\"PRI%05X\" Version=\"%u\" />"
        "</ContentLocationRequest>",
        net % 20, net, net, 1 + facts.at[1], facts.at[2], 1 + facts.at[3]);
}

void body_location_reply(const struct speaker *speaker, struct buffer *xml)
{
    put_format(xml, "<ContentLocationReply SchemaVersion=\"1.00\"><ContentInfo PackageFlags=\"16777216\">"
                    "<ContentHashValues/></ContentInfo><Sites><Site><MPSite SiteCode=\"PRI\" MasterSiteCode=\"PRI\" "
                    "SiteLocality=\"LOCAL\"/><LocationRecords>");
    for (unsigned i = 0; i < speaker->size; i++) {
        uint32_t point = dice_below(speaker->dice, 300), package = dice_below(speaker->dice, 4096);
        put_format(xml,
                   "<LocationRecord><URL Name=\"http://dp%03u.corp.contoso.test/SMS_DP_SMSPKG$/PRI%05X\" "
                   "Signature=\"http://dp%03u.corp.contoso.test/SMS_DP_SMSSIG$/PRI%05X\"/><ADSite Name=\"Site-%u\"/>"
                   "<IPSubnets><IPSubnet Address=\"10.1.%u.0\"/></IPSubnets><Metric Value=\"\"/><Version>9106</Version>"
                   "<Capabilities SchemaVersion=\"1.0\"><Property Name=\"SSLState\" Value=\"0\"/></Capabilities>"
                   "<ServerRemoteName>dp%03u.corp.contoso.test</ServerRemoteName><DPType>SERVER</DPType><Windows "
                   "Trust=\"1\"/><Locality>LOCAL</Locality></LocationRecord>",
                   point, package, point, package, point % 20, point % 250, point);
    }
    put_format(xml, "</LocationRecords></Site></Sites><RelatedContentIDs/></ContentLocationReply>");
}

/* ---- Reports (wire.md 6.5) ---- */

static void put_report_head(const struct speaker *speaker, const char *content, const char *action, struct buffer *xml)
{
    put_format(
        xml,
        "<Report><ReportHeader><Identification><Machine><ClientInstalled>1</ClientInstalled><ClientType>1</ClientType>"
        "<ClientID>%s</ClientID><ClientVersion>5.00.9106.1000</ClientVersion><NetBIOSName>%s</NetBIOSName>"
        "<CodePage>437</CodePage><SystemDefaultLCID>1033</SystemDefaultLCID><Priority /></Machine></Identification>"
        "<ReportDetails><ReportContent>%s</ReportContent><ReportType>%s</ReportType><Date>202611011000%02u.099000+000"
        "</Date><Version>1.0</Version><Format>1.1</Format></ReportDetails>",
        speaker->client->id, speaker->client->name, content, speaker->size > 200 ? "Full" : "Delta",
        dice_below(speaker->dice, 60));
    if (action != NULL)
        put_format(
            xml,
            "<InventoryAction ActionType=\"Predefined\"><InventoryActionID>{00000000-0000-0000-0000-0000000000%s}"
            "</InventoryActionID><Description>Inventory</Description><InventoryActionLastUpdateTime>"
            "20261025100000.092000+000</InventoryActionLastUpdateTime></InventoryAction>",
            action);
    put_format(xml, "</ReportHeader><ReportBody>");
}

/* Exchanges of a client come in any order and come again, so all of them begin with the same serial number, as one that is
 * sent again does: a lower one than before would be odd. */
#define FIRST_SERIAL 1

void body_state(const struct speaker *speaker, struct buffer *xml)
{
    static const unsigned topics[] = {300, 301, 400, 401, 500, 501, 701, 1300, 1700, 2001};
    char topic[ID_CHARACTERS + 1];
    struct dice *dice = speaker->dice;
    put_report_head(speaker, "State Message Data", NULL, xml);
    for (unsigned i = 0; i < speaker->size; i++) {
        struct rolls facts = ROLL(dice, 60, 60, COUNT(topics), 16, 1000000);
        guid_new(dice, topic);
        put_format(
            xml,
            "<StateMessage MessageTime=\"2026110109%02u%02u.000000+000\" SerialNumber=\"%u\"><Topic ID=\"{%s}\" "
            "Type=\"%u\" IDType=\"3\" User=\"\" UserSID=\"\"/><State ID=\"%u\" Criticality=\"0\"/><StateDetails "
            "Type=\"0\"></StateDetails><UserParameters Flags=\"0\" Count=\"2\"><Param>%s</Param><Param>%u</Param>"
            "</UserParameters></StateMessage>",
            facts.at[0], facts.at[1], FIRST_SERIAL + i, topic, topics[facts.at[2]], facts.at[3], speaker->client->name,
            facts.at[4]);
    }
    put_format(xml, "</ReportBody></Report>");
}

static void put_instances(const struct speaker *speaker, const char *const *classes, size_t count, struct buffer *xml)
{
    static const char *const vendors[] = {"Contoso", "Fabrikam", "Northwind Traders", "Litware", "Adatum"};
    char product[ID_CHARACTERS + 1];
    struct dice *dice = speaker->dice;
    for (unsigned i = 0; i < speaker->size; i++) {
        const char *class = classes[i % count];
        struct rolls facts = ROLL(dice, COUNT(vendors), 500, 20, 10, 9999, 99, 12, 28, UINT32_MAX);
        const char *vendor = vendors[facts.at[0]];
        guid_new(dice, product);
        put_format(
            xml,
            "<Instance ParentClass=\"%s\" Class=\"%s\" Namespace=\"\\\\%s\\root\\cimv2\" Content=\"Update\"><%s>"
            "<Name>%s application %u</Name><Version>%u.%u.%u.%u</Version><Vendor>%s</Vendor><InstallDate>2025%02u%02u"
            "</InstallDate><IdentifyingNumber>{%s}</IdentifyingNumber><Size>%u</Size></%s></Instance>",
            class, class, speaker->client->name, class, vendor, facts.at[1], facts.at[2], facts.at[3], facts.at[4],
            facts.at[5], vendor, 1 + facts.at[6], 1 + facts.at[7], product, facts.at[8], class);
    }
    put_format(xml, "</ReportBody></Report>");
}

void body_discovery(const struct speaker *speaker, struct buffer *xml)
{
    static const char *const classes[] = {"CCM_ComputerSystem",
                                          "CCM_Client",
                                          "SMS_Authority",
                                          "CCM_ADSiteInfo",
                                          "CCM_ExtNetworkAdapterConfiguration",
                                          "Win32_ComputerSystemProduct",
                                          "CCM_DiscoveryData",
                                          "CCM_NetworkAdapterConfiguration"};
    put_report_head(speaker, "Inventory Data", "03", xml);
    put_instances(speaker, classes, COUNT(classes), xml);
}

void body_hardware(const struct speaker *speaker, struct buffer *xml)
{
    static const char *const classes[] = {"SMS_InstalledSoftware", "Win32_Service", "Win32_PnPSignedDriver",
                                          "SMS_Processor",         "Win32_Product", "SMS_LogicalDisk"};
    put_report_head(speaker, "Inventory Data", "01", xml);
    put_instances(speaker, classes, COUNT(classes), xml);
}
