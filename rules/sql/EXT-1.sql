-- EXT-1: nobody passes NTLM authentications on.
--
-- Decides, for breaches only: the random challenge of one server seen in an authentication to another host, passed on by who
-- got it (fail, proof). A proxy that the site file declares does that too: informational. Where the addresses of both sides
-- differ it is a hint: address translation, or a fixed challenge.
-- Cannot be told: that nobody does, since both sides must be captured. So nothing passes.
SELECT CASE WHEN grade = 'proof' AND declared THEN 'informational' ELSE 'fail' END AS result, grade, 'ntlm_relay' AS evidence,
       id AS row, packet, time,
       coalesce(user || ' of ', '') || repeated_to || ' by ' || repeated_by || ' to ' || issued_by AS subject,
       CASE WHEN declared THEN 'a declared proxy passes an NTLM authentication on'
            WHEN grade = 'proof' THEN 'an NTLM authentication is passed on (relayed) to another server'
            ELSE 'the same NTLM challenge came from two servers' END AS why,
       CASE WHEN declared THEN 'declared' END AS rests_on
FROM (
    SELECT *, repeated_by IN (SELECT host FROM site_role WHERE role IN ('proxy', 'isv_proxy') AND host IS NOT NULL) AS declared
    FROM ntlm_relay
)
