-- COM-4: clients that cannot query Active Directory are given the trusted root key.
--
-- Decides: a client that fetches the key in clear text from a management point (.sms_aut?MPKEYINFORMATION or MPTRK)
-- before the first registration that this capture shows of it: it trusts whoever answers first (fail, strong).
-- Hints only: the same without a registration (an established client checks its key), boot media
-- (MPKEYINFORMATIONMEDIA, which always fetch), and a fetch that was refused or not seen to be answered.
-- Cannot be told: that a client has been given the key (it never crosses the network then), so nothing passes; whether
-- the client could have asked Active Directory (LDAP is not judged yet).
WITH
fetch AS (
    SELECT id, min(packet) AS packet, time, client, server,
           uri LIKE '%?MPKEYINFORMATIONMEDIA%' AS media,
           coalesce(status BETWEEN 200 AND 299, 0) AS answered
    FROM http
    WHERE service = 'mp-auth' AND tls = 0 AND (uri LIKE '%?MPKEYINFORMATION%' OR uri LIKE '%?MPTRK%')
    GROUP BY client, server, media, answered
),
registered AS (
    SELECT client, min(packet) AS packet
    FROM registration
    GROUP BY client
)
SELECT 'fail' AS result,
       CASE WHEN answered AND NOT media AND registered.packet > fetch.packet THEN 'strong' ELSE 'hint' END AS grade,
       'http' AS evidence, id AS row, fetch.packet AS packet, time,
       fetch.client || ' -> ' || server AS subject,
       CASE WHEN NOT answered THEN 'client asked a management point for the trusted root key in clear text'
            WHEN media THEN 'boot media fetched the trusted root key in clear text'
            WHEN registered.packet > fetch.packet
            THEN 'client took the trusted root key from a management point in clear text and then registered'
            ELSE 'client fetched the trusted root key in clear text, with no registration after it' END AS why
FROM fetch LEFT JOIN registered ON registered.client = fetch.client
