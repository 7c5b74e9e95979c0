-- CLM-1: only clients of trusted domains are approved automatically.
--
-- Decides: a client that registered without Windows authentication and then got a policy with secrets, soon enough
-- that nobody can have approved it by hand in between (fail, strong). Passes if all registrations that succeeded in
-- this capture came with Windows authentication, provided that they are many (threshold) and nothing was missed.
-- Hints only: such a client whose secret policy was assigned but not seen to be delivered; later deliveries; and
-- deliveries without a client id to an address from which several clients registered.
-- Cannot be told: the approval setting itself; whether the domain of an account is a trusted one; approval by hand.
WITH
threshold AS (
    SELECT 600.0 AS seconds, -- a person who looks at a request takes longer
           20 AS clients     -- fewer do not show that others would have been refused
),
client_registration AS (
    SELECT id, packet, time, client, approval, windows_auth,
           upper(replace(replace(replace(upper(smsid), 'GUID:', ''), '{', ''), '}', '')) AS guid,
           coalesce(netbios || ' (' || client || ')', client, '?') AS subject
    FROM registration
    WHERE status = 0
),
-- Clients that never showed a Windows account, each with its first registration.
anonymous AS (
    SELECT id, min(packet) AS packet, time, client, guid, subject
    FROM client_registration
    WHERE windows_auth = 0 AND coalesce(approval, -1) IN (-1, 1)
      AND coalesce(guid, '') NOT IN (SELECT coalesce(guid, '-') FROM client_registration WHERE windows_auth = 1)
    GROUP BY client, guid
),
shared_address AS (
    SELECT client
    FROM client_registration
    GROUP BY client
    HAVING count(DISTINCT guid) > 1
),
secret AS (
    SELECT id, packet, time, client,
           upper(replace(replace(replace(upper(client_id), 'GUID:', ''), '{', ''), '}', '')) AS guid,
           fetched = 1 AND (body = 'secret-cms' OR has_secret = 1) AS delivered
    FROM policy
    WHERE flags & 4 OR body = 'secret-cms' OR has_secret = 1
),
given AS (
    SELECT secret.*, anonymous.subject, anonymous.time AS registered, 0 AS doubtful
    FROM anonymous JOIN secret ON secret.guid = anonymous.guid
    UNION ALL
    SELECT secret.*, anonymous.subject, anonymous.time,
           anonymous.client IN (SELECT client FROM shared_address)
    FROM anonymous JOIN secret ON secret.client = anonymous.client
    WHERE secret.guid IS NULL
),
graded AS (
    SELECT given.*,
           CASE WHEN NOT coalesce(delivered, 0) THEN 0
                WHEN doubtful OR time - registered > (SELECT seconds FROM threshold) THEN 1
                ELSE 2 END AS rank
    FROM given
    WHERE time >= registered
),
doubt AS (
    SELECT (SELECT count(DISTINCT subject) FROM client_registration) < (SELECT clients FROM threshold)
        OR EXISTS (SELECT 1 FROM client_registration WHERE windows_auth IS NOT 1)
        OR EXISTS (SELECT 1 FROM coverage WHERE incomplete = 1 AND value > 0) AS any
)
SELECT 'fail' AS result, CASE rank WHEN 2 THEN 'strong' ELSE 'hint' END AS grade,
       'policy' AS evidence, id AS row, min(packet) AS packet, time, subject,
       CASE rank WHEN 2 THEN 'client registered without Windows authentication and got a policy with secrets'
                 WHEN 1 THEN 'client registered without Windows authentication and later got a policy with secrets'
                 ELSE 'client registered without Windows authentication and was assigned a policy with secrets'
       END AS why
FROM graded
GROUP BY subject, rank
UNION ALL
SELECT 'pass', CASE WHEN (SELECT any FROM doubt) THEN 'hint' ELSE 'strong' END,
       'registration', id, min(packet), time, subject,
       CASE WHEN (SELECT any FROM doubt)
            THEN 'client registered with Windows authentication; too little was seen to say so of all clients'
            ELSE 'client registered with Windows authentication' END
FROM client_registration
WHERE windows_auth = 1
GROUP BY subject
UNION ALL
SELECT 'notobserved', 'hint', 'registration', id, min(packet), time, subject,
       'client registered without Windows authentication; no policy with secrets was seen to follow'
FROM client_registration
WHERE windows_auth = 0 AND subject NOT IN (SELECT subject FROM graded)
GROUP BY subject
