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
-- Cannot be told: that a site is in native mode. What the table tls shows of client certificates is not judged yet, so
-- nothing passes. Sites are not told apart.
WITH
site AS (
    SELECT EXISTS (SELECT 1 FROM http WHERE service IN ('mp', 'mp-upload', 'mp-policy', 'mp-auth', 'dp')) AS seen
),
-- The first message of each flow. It is proof whatever the answer was: its content has crossed the network.
message_flow AS (
    SELECT coalesce(flow, -id) AS flow, id, min(packet) AS packet, time, client, server
    FROM message
    WHERE transport = 'http'
    GROUP BY coalesce(flow, -id)
),
exchange AS (
    SELECT coalesce(flow, -id) AS flow, id, packet, time, client, server, port, status, service,
           CASE
               WHEN status IS NULL OR NOT (status BETWEEN 200 AND 299 OR status IN (304, 401)) THEN 1
               WHEN service = 'sup' AND NOT (SELECT seen FROM site) THEN 1
               WHEN service = 'sup' THEN 2
               ELSE 3
           END AS rank
    FROM http
    WHERE tls = 0
      AND service IN ('mp', 'mp-upload', 'mp-policy', 'mp-auth', 'dp', 'sup')
      AND NOT (service = 'sup' AND (uri LIKE '%/selfupdate%' OR uri LIKE '%/reportingwebservice%'))
),
-- The best exchange of each other flow, and the first among equals (min decides which row the columns come from).
http_flow AS (
    SELECT *, min((3 - rank) * 1000000000000 + packet)
    FROM exchange
    WHERE flow NOT IN (SELECT flow FROM message_flow)
    GROUP BY flow
)
SELECT 'fail' AS result, 'proof' AS grade, 'message' AS evidence, id AS row, packet, time,
       client || ' -> ' || server AS subject,
       'ConfigMgr message readable over HTTP' AS why
FROM message_flow
UNION ALL
SELECT 'fail', CASE rank WHEN 3 THEN 'proof' WHEN 2 THEN 'strong' ELSE 'hint' END, 'http', id, packet, time,
       client || ' -> ' || server || coalesce(':' || port, ''),
       CASE
           WHEN status IS NULL THEN 'clear HTTP request without an answer'
           WHEN NOT (status BETWEEN 200 AND 299 OR status IN (304, 401)) THEN 'clear HTTP request that was refused'
           WHEN service = 'dp' THEN 'distribution point answers over clear HTTP'
           WHEN service = 'sup' THEN 'software update point answers over clear HTTP'
           ELSE 'management point answers over clear HTTP'
       END
FROM http_flow
UNION ALL
-- Inside TLS that was decrypted. Over clear HTTP the message itself is already the proof.
SELECT 'fail', 'proof', 'message', id, min(packet), time, client || ' -> ' || server,
       'client says that it has no SSL (ClientCapabilities)'
FROM message
WHERE transport = 'https' AND direction = 'request' AND client_capabilities LIKE '%NonSSL%'
GROUP BY client, server
UNION ALL
SELECT 'notobserved', 'hint', NULL, NULL, NULL, NULL, NULL,
       count(*) || CASE count(*) WHEN 1 THEN ' TLS flow' ELSE ' TLS flows' END
       || ' seen; whether both sides proved a certificate on all of them is not judged yet'
FROM flow
WHERE encrypted = 1
HAVING count(*) > 0
