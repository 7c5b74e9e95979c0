-- RSC-1, COM-1, CLN-1: native mode in every site, for client communication, whenever possible.
--
-- Decides: a ConfigMgr message, or an answer of a management point, distribution point or software update point, that
-- was readable because nothing encrypted it (fail, one row a flow); a client that says of itself that it has no SSL
-- (fail).
-- Legal in clear text and left out: fallback status, server locator and reporting points, revocation lists, content,
-- licence texts, self-update and reports of software updates.
-- A GET that was refused or redirected decides nothing (hint): an HTTPS-only site answers like that.
-- A software update point is told from any other WSUS server only where the same capture also shows a management or
-- distribution point; else it is a hint.
-- Passes only where the site file declares management points: if every declared management, distribution and state migration
-- point was seen to take TLS in which clients proved a certificate (at first or in the session that was resumed), no
-- TLS to them went without, none of what fails was seen, and nothing was missed.
-- Cannot be told: client certificates in renegotiations and in TLS 1.3 that were not decrypted. Sites are not told apart.
WITH
site AS (
    SELECT EXISTS (SELECT 1 FROM http WHERE service IN ('mp', 'mp-upload', 'mp-policy', 'mp-auth', 'dp')) AS seen
),
-- The first message of each flow. It is proof whatever the answer was: its content has crossed the network.
message_flow AS (
    SELECT coalesce(flow, -id) AS flow, min(id) AS id
    FROM message
    WHERE transport = 'http'
    GROUP BY coalesce(flow, -id)
),
-- The best exchange of each other flow, the first among equals: one number tells its rank and its id.
http_flow AS (
    SELECT min(CASE
                   WHEN status IS NULL OR NOT (status BETWEEN 200 AND 299 OR status IN (304, 401)) THEN 2
                   WHEN service = 'sup' AND NOT (SELECT seen FROM site) THEN 2
                   WHEN service = 'sup' THEN 1
                   ELSE 0
               END * 1000000000000 + id) AS best
    FROM http
    WHERE tls = 0
      AND service IN ('mp', 'mp-upload', 'mp-policy', 'mp-auth', 'dp', 'sup')
      AND NOT (service = 'sup' AND (uri LIKE '%/selfupdate%' OR uri LIKE '%/reportingwebservice%'))
      AND coalesce(flow, -id) NOT IN (SELECT flow FROM message_flow)
    GROUP BY coalesce(flow, -id)
),
point AS (
    SELECT DISTINCT host FROM site_role
    WHERE role IN ('management_point', 'distribution_point', 'state_migration_point') AND host IS NOT NULL
      AND EXISTS (SELECT 1 FROM site_role WHERE role = 'management_point')
),
-- TLS to them that carried something.
session AS (
    SELECT tls.id, tls.packet, tls.time, tls.client, tls.server,
           coalesce(tls.complete = 1 AND (tls.client_verified = 1 OR earlier.client_verified = 1), 0) AS proven
    FROM point JOIN tls ON tls.server = point.host LEFT JOIN tls earlier ON earlier.id = tls.resumption_of
    WHERE tls.client_bytes > 0
),
doubt AS (
    SELECT EXISTS (SELECT 1 FROM point WHERE host NOT IN (SELECT server FROM session))
        OR EXISTS (SELECT 1 FROM session WHERE NOT proven)
        OR EXISTS (SELECT id FROM message_flow)
        OR EXISTS (SELECT best FROM http_flow)
        OR EXISTS (SELECT 1 FROM message WHERE transport = 'https' AND client_capabilities LIKE '%NonSSL%')
        OR EXISTS (SELECT 1 FROM coverage WHERE incomplete = 1 AND value > 0) AS any
)
SELECT 'fail' AS result, 'proof' AS grade, 'message' AS evidence, m.id AS row, m.packet, m.time,
       m.client || ' -> ' || m.server AS subject,
       'ConfigMgr message readable over HTTP' AS why, NULL AS rests_on
FROM message_flow f CROSS JOIN message m ON m.id = f.id
UNION ALL
SELECT 'fail', CASE f.best / 1000000000000 WHEN 0 THEN 'proof' WHEN 1 THEN 'strong' ELSE 'hint' END, 'http', id, packet,
       time, client || ' -> ' || server || coalesce(':' || port, ''),
       CASE
           WHEN status IS NULL THEN 'clear HTTP request without an answer'
           WHEN NOT (status BETWEEN 200 AND 299 OR status IN (304, 401)) THEN 'clear HTTP request that was refused'
           WHEN service = 'dp' THEN 'distribution point answers over clear HTTP'
           WHEN service = 'sup' THEN 'software update point answers over clear HTTP'
           ELSE 'management point answers over clear HTTP'
       END, NULL
FROM http_flow f CROSS JOIN http ON http.id = f.best % 1000000000000
UNION ALL
-- Inside TLS that was decrypted. Over clear HTTP the message itself is already the proof.
SELECT 'fail', 'proof', 'message', id, min(packet), time, client || ' -> ' || server,
       'client says that it has no SSL (ClientCapabilities)', NULL
FROM message
WHERE transport = 'https' AND direction = 'request' AND client_capabilities LIKE '%NonSSL%'
GROUP BY client, server
UNION ALL
SELECT 'pass', CASE WHEN (SELECT any FROM doubt) THEN 'hint' ELSE 'proof' END, 'tls', id, min(packet), time,
       client || ' -> ' || server,
       CASE WHEN (SELECT any FROM doubt)
            THEN 'TLS to a site system in which the client proved a certificate; not so, or not known, of all'
            ELSE 'TLS to a site system in which the client proved a certificate' END, 'declared'
FROM session
WHERE proven
GROUP BY client, server
UNION ALL
SELECT 'notobserved', 'hint', 'tls', id, min(packet), time, client || ' -> ' || server,
       'TLS to a site system in which the client was not seen to prove a certificate', 'declared'
FROM session
WHERE NOT proven
GROUP BY client, server
UNION ALL
SELECT 'notobserved', 'hint', NULL, NULL, NULL, NULL, NULL,
       count(*) || CASE count(*) WHEN 1 THEN ' TLS flow' ELSE ' TLS flows' END
       || ' seen; the site file declares no management point to judge them by', NULL
FROM flow
WHERE encrypted = 1 AND NOT EXISTS (SELECT 1 FROM site_role WHERE role = 'management_point')
HAVING count(*) > 0
