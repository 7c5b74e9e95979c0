-- COM-1: native mode for communication between clients and site.
--
-- Decides: a ConfigMgr message, or an answer of a management point, distribution point or software update point, that was
-- readable because nothing encrypted it (fail, one row a flow); a client that says of itself that it has no SSL (fail).
-- Legal in clear text and left out: fallback status, server locator and reporting points, revocation lists, content,
-- licence texts, self-update and reports of software updates.
-- A GET that was refused or redirected decides nothing (hint): an HTTPS-only site answers like that.
-- A software update point is told from any other WSUS server only where the same capture also shows a management or
-- distribution point; else it is a hint.
-- Cannot be told: that communication is in native mode: client certificates inside TLS are not decoded in this
-- version, so nothing passes.
WITH
exchange AS (
    SELECT http.id, http.packet, http.time, http.flow, http.client, http.server, http.port, http.status, http.service,
           http.service IN ('mp', 'mp-upload', 'mp-policy', 'mp-auth') AS of_mp
    FROM http
    WHERE http.tls = 0
      AND http.service IN ('mp', 'mp-upload', 'mp-policy', 'mp-auth', 'dp', 'sup')
      AND NOT (http.service = 'sup'
               AND (http.uri LIKE '%/selfupdate%' OR http.uri LIKE '%/reportingwebservice%'))
),
site AS (
    SELECT EXISTS (SELECT 1 FROM http WHERE service IN ('mp', 'mp-upload', 'mp-policy', 'mp-auth', 'dp')) AS seen
),
graded AS (
    -- Messages are proof whatever the answer was: their content has crossed the network.
    SELECT 'message' AS evidence, id AS row, packet, time, flow, client, server, NULL AS port,
           3 AS rank, 'ConfigMgr message readable over HTTP' AS why
    FROM message
    WHERE transport = 'http'
    UNION ALL
    SELECT 'http', id, packet, time, flow, client, server, port,
           CASE
               WHEN status IS NULL OR NOT (status BETWEEN 200 AND 299 OR status IN (304, 401)) THEN 1
               WHEN service = 'sup' THEN CASE WHEN (SELECT seen FROM site) THEN 2 ELSE 1 END
               ELSE 3
           END,
           CASE
               WHEN status IS NULL THEN 'clear HTTP request without an answer'
               WHEN NOT (status BETWEEN 200 AND 299 OR status IN (304, 401)) THEN 'clear HTTP request that was refused'
               WHEN of_mp THEN 'management point answers over clear HTTP'
               WHEN service = 'dp' THEN 'distribution point answers over clear HTTP'
               ELSE 'software update point answers over clear HTTP'
           END
    FROM exchange
),
first_of_flow AS (
    SELECT *, row_number() OVER (PARTITION BY coalesce(flow, -row)
                                 ORDER BY rank DESC, evidence = 'message' DESC, packet, row) AS place
    FROM graded
)
SELECT 'fail' AS result,
       CASE rank WHEN 3 THEN 'proof' WHEN 2 THEN 'strong' ELSE 'hint' END AS grade,
       evidence, row, packet, time,
       client || ' -> ' || server || coalesce(':' || port, '') AS subject,
       why
FROM first_of_flow
WHERE place = 1
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
       || ' seen; whether both sides use certificates is not decoded yet'
FROM flow
WHERE encrypted = 1
HAVING count(*) > 0
