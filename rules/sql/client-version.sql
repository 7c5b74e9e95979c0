-- CLM-3, HIE-5: all clients are ConfigMgr 2007 or later, and older ones are shut out.
--
-- Decides: AgentVersion of registrations. Below 4.00 is SMS 2003 (fail). If all clients seen are at 4.00 or later,
-- that passes the first half of the sentence, provided that they are many (threshold), that every client that sent a
-- message also registered in this capture, and that nothing was missed. AgentVersion is what a client says of itself
-- (attack tools say 5.00.8325.0000), and agents of other vendors (agent_type other than 0) number their own way, so
-- those are hints at most, as are registrations that were rejected.
-- Cannot be told: the site setting "This site contains only ConfigMgr 2007 clients"; it is not on the wire.
WITH
agent AS (
    SELECT id, packet, time, client, agent_type, status, agent_version,
           coalesce(netbios || ' (' || client || ')', client, '?') AS subject,
           CASE WHEN agent_version GLOB '[0-9]*.[0-9]*' THEN CAST(agent_version AS INTEGER) END AS major
    FROM registration
),
threshold AS (
    SELECT 20 AS clients -- fewer say nothing about "all clients"
),
doubt AS (
    SELECT (SELECT count(DISTINCT subject) FROM agent) < (SELECT clients FROM threshold)
        OR EXISTS (SELECT 1 FROM agent WHERE major IS NULL OR major < 4)
        OR EXISTS (SELECT 1 FROM coverage WHERE incomplete = 1 AND value > 0)
        OR EXISTS (SELECT client FROM message WHERE direction = 'request'
                   EXCEPT SELECT client FROM agent) AS any
)
SELECT 'fail' AS result,
       CASE WHEN status IS 3 OR agent_type <> 0 THEN 'hint' WHEN agent_type = 0 THEN 'proof' ELSE 'strong' END AS grade,
       'registration' AS evidence, id AS row, min(packet) AS packet, time, subject,
       'client version below 4.00: SMS 2003' AS why
FROM agent
WHERE major < 4
GROUP BY subject, agent_type, status IS 3
UNION ALL
SELECT 'pass', CASE WHEN (SELECT any FROM doubt) THEN 'hint' ELSE 'strong' END,
       'registration', id, min(packet), time, subject,
       CASE WHEN (SELECT any FROM doubt)
            THEN 'client says that it is version 4.00 or later; too little was seen to say so of all clients'
            ELSE 'client says that it is version 4.00 or later; the site setting itself is not on the wire' END
FROM agent
WHERE major >= 4
GROUP BY subject
