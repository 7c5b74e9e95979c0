-- RSC-2: the schema of Active Directory is extended, and every site publishes its data there.
--
-- Decides: site codes that a directory returned, or that a site server wrote there, in attributes of ConfigMgr (proof). Passes
-- if that was so for every site that is known, and nothing was missed. A search for objects of ConfigMgr that found none,
-- after which the same client turned to NetBIOS, DNS or a server locator point within five minutes, fails (strong), unless that
-- directory returned such objects to anybody, or replies to the search were not read. A search for boundaries finds none for a
-- client that is outside of all: that is a hint only, as is a search that nothing followed.
-- Cannot be told: LDAP inside TLS or sealed (Kerberos); directories of other forests look alike; which objects a site leaves
-- out.
WITH
threshold AS (
    SELECT 300.0 AS seconds -- from the search to what replaces it
),
told AS (
    SELECT ldap_entry.id, min(ldap_entry.packet) AS packet, ldap_entry.time, ldap_operation.client, ldap_operation.server,
           upper(ldap_entry.value) AS code, ldap_entry.written
    FROM ldap_entry JOIN ldap_operation ON ldap_operation.id = ldap_entry.operation
    WHERE ldap_entry.attribute = 'mSSMSSiteCode' COLLATE NOCASE AND ldap_entry.value <> ''
      AND coalesce(ldap_operation.result, 0) = 0
    GROUP BY upper(ldap_entry.value), ldap_entry.written
),
code AS (
    SELECT upper(code) AS code, 'declared' AS source FROM site
    UNION
    SELECT upper(site_code), 'learned' FROM role
    WHERE site_code IS NOT NULL AND grade <> 'hint' AND NOT EXISTS (SELECT 1 FROM site)
),
empty AS (
    SELECT id, packet, time, client, server, coalesce(filter, '') LIKE '%Boundar%' AS boundary
    FROM ldap_operation
    WHERE operation = 'search' AND configmgr = 1 AND coalesce(entries, 0) = 0 AND coalesce(continued, 0) = 0
      AND coalesce(unread, 0) = 0
      AND referral IS NULL AND result IN (0, 16, 17, 32)
      AND server NOT IN (SELECT ldap_operation.server
                         FROM ldap_entry JOIN ldap_operation ON ldap_operation.id = ldap_entry.operation
                         WHERE ldap_entry.attribute LIKE 'mSSMS%')
),
instead AS (
    SELECT client, time FROM name_query
    WHERE operation = 'query'
      AND (protocol = 'nbns' AND suffix = '1A'
           AND (upper(name) GLOB 'MP_???' OR upper(name) GLOB 'SMS_MP_???' OR upper(name) GLOB 'NLB_???'
                OR upper(name) IN ('SMS_SLP', 'SMS_NLB_MP'))
           OR protocol = 'dns' AND type = 'SRV' AND lower(name) GLOB '_mssms_mp_???._tcp*')
    UNION ALL
    SELECT client, time FROM http WHERE service = 'slp'
),
judged AS (
    SELECT empty.*,
           EXISTS (SELECT 1 FROM instead
                   WHERE instead.client = empty.client
                     AND instead.time BETWEEN empty.time AND empty.time + (SELECT seconds FROM threshold)) AS followed
    FROM empty
),
doubt AS (
    SELECT EXISTS (SELECT 1 FROM code WHERE code NOT IN (SELECT code FROM told))
        OR EXISTS (SELECT 1 FROM judged WHERE followed AND NOT boundary)
        OR EXISTS (SELECT 1 FROM coverage WHERE incomplete = 1 AND value > 0) AS any
)
SELECT 'fail' AS result, CASE WHEN followed AND NOT boundary THEN 'strong' ELSE 'hint' END AS grade,
       'ldap_operation' AS evidence, id AS row, min(packet) AS packet, time, client || ' -> ' || server AS subject,
       CASE WHEN followed THEN 'a client found nothing of its site in Active Directory, and looked elsewhere'
            ELSE 'a search for objects of ConfigMgr in Active Directory found none' END AS why, NULL AS rests_on
FROM judged
GROUP BY client, server, followed, boundary
UNION ALL
SELECT 'pass', CASE WHEN (SELECT any FROM doubt) THEN 'hint' ELSE 'proof' END, 'ldap_entry', id, packet, time,
       'site ' || code || CASE WHEN written THEN ' by ' || client ELSE ' at ' || server END,
       CASE WHEN (SELECT any FROM doubt) THEN 'a site is published in Active Directory; not so, or not known, of all sites'
            WHEN written THEN 'a site server publishes its site in Active Directory'
            ELSE 'Active Directory tells of the site' END,
       coalesce((SELECT max(source) FROM code), 'learned')
FROM told
