-- CLA-3: clients find services through Active Directory only.
--
-- Decides, for breaches only: a question over NetBIOS for a name of a management point or server locator point (suffix
-- 1A), sent to a WINS server or by broadcast: a client that is set to Active Directory only asks none (fail). Hosts that
-- register such a name are site systems, not clients, and do not count. That the asking host is a client of ConfigMgr
-- follows from the name it asks for, so this is strong, not proof.
-- Cannot be told: whether a client that asked nothing would, where it was not seen to look for its site. So nothing
-- passes.
WITH
site_system AS (
    SELECT DISTINCT client
    FROM name_query
    WHERE protocol = 'nbns' AND operation IN ('registration', 'refresh') AND suffix = '1A'
)
SELECT 'fail' AS result, 'strong' AS grade, 'name_query' AS evidence, id AS row, packet, time,
       client || ': ' || name || '<1A> ' || CASE WHEN unicast = 1 THEN 'asked of ' || server ELSE 'by broadcast' END
           AS subject,
       'a client looks for a site system over NetBIOS, which Active Directory only forbids' AS why
FROM name_query
WHERE protocol = 'nbns' AND operation = 'query' AND suffix = '1A' AND packet <> coalesce(reply_packet, 0)
  AND (upper(name) GLOB 'MP_???' OR upper(name) GLOB 'SMS_MP_???' OR upper(name) GLOB 'NLB_???'
       OR upper(name) IN ('SMS_SLP', 'SMS_NLB_MP'))
  AND client NOT IN (SELECT client FROM site_system)
