-- MNT-12h: sessions of remote tools are known.
--
-- Decides: remote control (ports 2701, 2702) and remote desktop to computers that are no site systems. Where the site file
-- declares consoles (admins), a session from another host fails: strong, or a hint where only the port speaks for it. Else,
-- and from declared consoles, a session is an event (informational). Sessions outside of the times that the site file declares
-- (windows) are hints.
-- Cannot be told: that they are recorded and looked at. So nothing passes.
WITH
console AS (
    SELECT host FROM site_admin WHERE kind = 'console' AND host IS NOT NULL
),
session AS (
    SELECT 'remote_tool' AS evidence, id, packet, time, client, server, 'remote control' AS kind,
           certainty = 'high' OR auth IS NOT NULL AS sure
    FROM remote_tool
    WHERE tool = 'configmgr-remote-control'
    UNION ALL
    SELECT 'rdp', id, packet, time, client, server, 'remote desktop', 1
    FROM rdp
    WHERE selected IS NOT NULL
),
judged AS (
    SELECT session.*, client IN (SELECT host FROM console) AS known, EXISTS (SELECT host FROM console) AS judged,
           EXISTS (SELECT 1 FROM site_window)
           AND NOT EXISTS (SELECT 1 FROM site_window WHERE session.time BETWEEN site_window.start AND site_window.end) AS late
    FROM session
    WHERE server NOT IN (SELECT host FROM system)
)
SELECT CASE WHEN judged AND NOT known THEN 'fail' ELSE 'informational' END AS result,
       CASE WHEN sure THEN 'strong' ELSE 'hint' END AS grade, evidence, id AS row, min(packet) AS packet, time,
       client || ' -> ' || server AS subject,
       kind || CASE WHEN known THEN ' of a client from a declared console'
                    WHEN judged THEN ' of a client from a computer that is not declared'
                    ELSE ' of a client' END AS why,
       CASE WHEN judged THEN 'declared' END AS rests_on
FROM judged
GROUP BY client, server, kind, known, sure
UNION ALL
SELECT 'fail', 'hint', evidence, id, min(packet), time, client || ' -> ' || server,
       kind || ' of a client outside of the declared times', 'declared'
FROM judged
WHERE late
GROUP BY client, server, kind
