-- The present: what is on its way, what became of each event, and what the vendor has confirmed.
-- Instants are microseconds since the epoch, UTC. Words of the ledger: 0 delivered, 1 filtered, 2 failed,
-- 3 parked, 4 pending.

CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;

-- Names of sources, destinations and tenants, as numbers.
CREATE TABLE source (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE tenant (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE destination (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    fingerprint BLOB,             -- of the settings: a change plans the pending events anew
    plan INTEGER NOT NULL DEFAULT 1,
    paused INTEGER NOT NULL DEFAULT 0,
    code TEXT,                    -- why nothing is sent now: blocked, or many failures in a row
    detail TEXT,
    since_us INTEGER,
    blocked INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    resume_us INTEGER NOT NULL DEFAULT 0,
    replan_after INTEGER,         -- events above it are planned anew before anything goes; null: none is
    yields_until_us INTEGER NOT NULL DEFAULT 0, -- until then all but live events wait, so that these have budget
    held_us INTEGER NOT NULL DEFAULT 0,         -- the vendor asked not to be called before
    failing_us INTEGER NOT NULL DEFAULT 0,      -- for how long calls have failed, ever
    failed_us INTEGER NOT NULL DEFAULT 0        -- when the last of them did
);

-- Which sources feed which destinations now: what stands behind the offsets counts for these.
CREATE TABLE connection (
    source_id INTEGER NOT NULL,
    destination_id INTEGER NOT NULL,
    PRIMARY KEY (source_id, destination_id)
) WITHOUT ROWID;

-- How far the router has come in each partition of the log.
CREATE TABLE partition (number INTEGER PRIMARY KEY, "offset" INTEGER NOT NULL);

-- Every event that was routed. `key` names source and message id, and keeps duplicates out.
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    source_id INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    received_us INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    identity BLOB,                -- what was resolved, JSON
    run INTEGER,                  -- the `send` that brought it
    code TEXT,                    -- refused before it met a destination
    detail TEXT,
    person BLOB                   -- a keyed hash of the userId, else of the anonymousId
);
CREATE INDEX event_run ON event (run) WHERE run IS NOT NULL;
CREATE INDEX event_refused ON event (id) WHERE code IS NOT NULL;

-- The log entry of every event not yet delivered or filtered everywhere.
CREATE TABLE body (event_id INTEGER PRIMARY KEY, entry BLOB NOT NULL);

-- Messages as somebody corrected them after they had failed: each stands for what the log has.
CREATE TABLE edited (event_id INTEGER PRIMARY KEY, entry BLOB NOT NULL, at_us INTEGER NOT NULL);

-- One `send`: what it brought, and whether its input has ended (then nothing lingers).
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    duplicates INTEGER NOT NULL DEFAULT 0,
    routed INTEGER NOT NULL DEFAULT 0,
    ended INTEGER NOT NULL DEFAULT 0
);

-- What earlier events said of a user. Keys are `u:<userId>` and `a:<anonymousId>`.
CREATE TABLE identity (
    key TEXT PRIMARY KEY,
    user_id TEXT NOT NULL DEFAULT '',
    email TEXT NOT NULL DEFAULT '',
    email_stamp BLOB NOT NULL DEFAULT x'',
    account TEXT NOT NULL DEFAULT '',
    account_stamp BLOB NOT NULL DEFAULT x''
) WITHOUT ROWID;

-- The ledger: one row for an event at a destination.
CREATE TABLE delivery (
    event_id INTEGER NOT NULL,
    destination_id INTEGER NOT NULL,
    source_id INTEGER NOT NULL,
    word INTEGER NOT NULL,
    code TEXT NOT NULL DEFAULT '',        -- while pending: '-' once a call was made for it
    detail TEXT NOT NULL DEFAULT '',
    open INTEGER NOT NULL DEFAULT 0,      -- operations not yet settled
    at_us INTEGER NOT NULL,
    kept INTEGER,                         -- 1: failed, parked, or pending without a plan
    until_us INTEGER,                     -- parked until
    PRIMARY KEY (event_id, destination_id)
) WITHOUT ROWID;
CREATE INDEX delivery_kept ON delivery (destination_id, code, event_id) WHERE kept = 1;
CREATE INDEX delivery_dead ON delivery (event_id, destination_id) WHERE kept = 1;
CREATE INDEX delivery_until ON delivery (until_us) WHERE until_us IS NOT NULL;

-- Which users' news a parked delivery waits for.
CREATE TABLE parked (
    key TEXT NOT NULL,
    event_id INTEGER NOT NULL,
    destination_id INTEGER NOT NULL,
    PRIMARY KEY (key, event_id, destination_id)
) WITHOUT ROWID;
CREATE INDEX parked_event ON parked (event_id, destination_id);

-- Counters behind the equation; destination 0 counts what met none (refused, duplicate).
CREATE TABLE counter (
    source_id INTEGER NOT NULL,
    destination_id INTEGER NOT NULL,
    word INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (source_id, destination_id, word)
) WITHOUT ROWID;
CREATE TABLE unmapped (
    destination_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (destination_id, name)
) WITHOUT ROWID;

-- A tenant's records: what the vendor confirmed per field, what it told about them, and who is at work on them.
CREATE TABLE record (
    id INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    object TEXT NOT NULL,
    key TEXT NOT NULL,
    state BLOB,                            -- {field: [stamp, value, confirmed at, or 0 where unsure]}
    facts BLOB,
    abandoned BLOB,                        -- {field: [stamp, value]} that may have been written, and is asked for no more
    in_doubt INTEGER NOT NULL DEFAULT 0,   -- a call's answer was lost
    holder INTEGER NOT NULL DEFAULT 0,     -- the destination whose call was the last one
    unsure INTEGER NOT NULL DEFAULT 0,     -- 1: that call may have written values without confirming them
    fence INTEGER NOT NULL DEFAULT 0,
    leased_until_us INTEGER NOT NULL DEFAULT 0,
    carried BLOB,                          -- the operations that the last call was to bring, JSON
    joining INTEGER NOT NULL DEFAULT 0,    -- 1: it is to be joined with another once no call is under way
    occupied_until_us INTEGER NOT NULL DEFAULT 0,  -- until then the vendor may still carry out an asynchronous call
    UNIQUE (tenant_id, object, key)
);
CREATE INDEX record_occupied ON record (occupied_until_us) WHERE occupied_until_us > 0;
CREATE INDEX record_leased ON record (leased_until_us) WHERE leased_until_us > 0;

-- Further keys by which events find records: they win over `record.key`. And the keys that records had which were
-- joined into others: operations and links name them so, whatever events find by that key by now.
CREATE TABLE record_key (
    tenant_id INTEGER NOT NULL,
    object TEXT NOT NULL,
    key TEXT NOT NULL,
    record_id INTEGER NOT NULL,
    role INTEGER NOT NULL DEFAULT 0,       -- 0: events find it; 1: a joined record had it; 2: a claim, see Keys
    PRIMARY KEY (tenant_id, object, key, role)
) WITHOUT ROWID;
CREATE INDEX record_key_record ON record_key (record_id);
CREATE INDEX record_key_role ON record_key (role) WHERE role = 1;

-- Pairs of records that turned out to be one.
CREATE TABLE joining (
    record_id INTEGER NOT NULL,
    into_id INTEGER NOT NULL,
    PRIMARY KEY (record_id, into_id)
) WITHOUT ROWID;

-- Pending operations, one row for each that an event asks for; merged only when they are sent.
CREATE TABLE operation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice: a late answer must not settle another operation
    destination_id INTEGER NOT NULL,
    record_id INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    source_id INTEGER NOT NULL,
    alone INTEGER NOT NULL,                -- 1: all that the event asks of the destination
    kind INTEGER NOT NULL,                 -- 0 upsert, 1 append
    plan INTEGER NOT NULL,                 -- the destination's plan that it was made under
    waits INTEGER NOT NULL DEFAULT 0,      -- how many operations of the same event go first
    stamp BLOB NOT NULL,
    time_us INTEGER NOT NULL,
    content BLOB NOT NULL,
    follows BLOB,                          -- the records that it follows, JSON
    in_doubt INTEGER NOT NULL DEFAULT 0,
    priority INTEGER NOT NULL DEFAULT 0,   -- 0 live, 1 audiences, 2 history
    failing_from_us INTEGER                -- destination.failing_us when its first call failed
);
CREATE INDEX operation_lane ON operation (record_id, destination_id, waits, kind, event_id, id, priority);
CREATE INDEX operation_event ON operation (event_id);

-- Pending operations of one record at one destination wait here for their turn.
CREATE TABLE lane (
    destination_id INTEGER NOT NULL,
    record_id INTEGER NOT NULL,
    object TEXT NOT NULL,
    priority INTEGER NOT NULL DEFAULT 0,   -- the most urgent of what waits in it
    due_us INTEGER,                        -- null: nothing in it may go yet
    attempts INTEGER NOT NULL DEFAULT 0,
    code TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',
    take INTEGER,                          -- at most so many events at once, while a bad one is sought
    PRIMARY KEY (destination_id, record_id)
) WITHOUT ROWID;
CREATE INDEX lane_due ON lane (destination_id, priority, due_us) WHERE due_us IS NOT NULL;

-- Calls made, and the events that each carried.
CREATE TABLE call (
    id INTEGER PRIMARY KEY,
    destination_id INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    method TEXT NOT NULL,
    url TEXT NOT NULL,
    request TEXT NOT NULL,
    status INTEGER,
    response TEXT,
    answered_us INTEGER
);
CREATE TABLE call_event (
    event_id INTEGER NOT NULL,
    call_id INTEGER NOT NULL,
    PRIMARY KEY (event_id, call_id)
) WITHOUT ROWID;
CREATE INDEX call_event_call ON call_event (call_id);

-- Calls counted against a budget, by slice of its window; a call under way in the slice in which it ends at the
-- latest. Kept for some windows longer than they count: what live events used tells what they will need.
CREATE TABLE budget (
    account TEXT NOT NULL,
    family TEXT NOT NULL,
    window TEXT NOT NULL,
    slice INTEGER NOT NULL,
    used INTEGER NOT NULL,
    live INTEGER NOT NULL DEFAULT 0,       -- of those, for live events
    PRIMARY KEY (account, family, window, slice)
) WITHOUT ROWID;
CREATE TABLE budget_limit (
    account TEXT NOT NULL,
    family TEXT NOT NULL,
    window TEXT NOT NULL,
    window_us INTEGER NOT NULL,
    usable INTEGER NOT NULL,
    since_us INTEGER NOT NULL DEFAULT 0,   -- when it was first in force
    stop_until_us INTEGER NOT NULL DEFAULT 0,
    refused_call INTEGER NOT NULL DEFAULT 0, -- the last call begun when one was last refused for this limit
    refusals INTEGER NOT NULL DEFAULT 0,   -- in a row; 0 once it took a call
    lowered INTEGER,                       -- what was found usable then; null: all that is configured
    lowered_us INTEGER NOT NULL DEFAULT 0, -- since then it grows by `step` calls each `step_us`
    step INTEGER NOT NULL DEFAULT 0,
    step_us INTEGER NOT NULL DEFAULT 0,
    alert INTEGER NOT NULL DEFAULT 0,      -- percent used of the last alert; 0: none stands
    alert_us INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, family, window)
) WITHOUT ROWID;

-- The configuration as given: one document for a source or destination, references to the environment unexpanded.
CREATE TABLE document (
    kind TEXT NOT NULL,                    -- source | destination
    name TEXT NOT NULL,
    owner TEXT NOT NULL,                   -- file | dashboard
    place INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;

-- What is known of a tenant's objects: their fields, as read from the vendor or as somebody listed them.
CREATE TABLE tenant_schema (
    tenant TEXT PRIMARY KEY,
    origin TEXT NOT NULL,                  -- read | uploaded
    at_us INTEGER NOT NULL,
    body BLOB NOT NULL
) WITHOUT ROWID;

-- What track, page and screen calls were called, by source, each event counted once; and the keys of their properties.
CREATE TABLE event_name (
    id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    n INTEGER NOT NULL,
    first_us INTEGER NOT NULL,             -- when it was first, and last, received
    last_us INTEGER NOT NULL,
    keys BLOB NOT NULL,                    -- {key: [how many events, when the last was received]}
    other_keys INTEGER NOT NULL DEFAULT 0, -- properties whose keys found no room there
    UNIQUE (source_id, kind, name)
);

-- Keys of `integrations` objects that are nearly a destination's name, and the name.
CREATE TABLE near_miss (
    source_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    meant TEXT NOT NULL,
    n INTEGER NOT NULL,
    last_us INTEGER NOT NULL,
    PRIMARY KEY (source_id, key)
) WITHOUT ROWID;

-- How many rows of these are a source's, and how many events, or keys, found no room among them.
CREATE TABLE vocabulary (
    source_id INTEGER PRIMARY KEY,
    names INTEGER NOT NULL DEFAULT 0,
    keys INTEGER NOT NULL DEFAULT 0,
    misses INTEGER NOT NULL DEFAULT 0,
    other_names INTEGER NOT NULL DEFAULT 0,
    other_misses INTEGER NOT NULL DEFAULT 0
);

-- Event names that a vendor was, or will be, sent of a tenant which keeps only so many; as digests.
CREATE TABLE tenant_name (
    tenant_id INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (tenant_id, digest)
) WITHOUT ROWID;
CREATE TABLE name_limit (tenant_id INTEGER PRIMARY KEY, most INTEGER NOT NULL);

-- Requests to forget a person. While one is under way it names the person; afterwards it is the receipt, which does not.
CREATE TABLE forgetting (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    asked BLOB NOT NULL,                   -- a keyed hash of what the person was named by
    asked_us INTEGER NOT NULL,
    phase INTEGER NOT NULL,                -- see gainstage.store.rows.Phase
    person BLOB,                           -- ids, e-mails, records; null once nothing needs them any more
    place BLOB NOT NULL,                   -- how far the phase has come
    counts BLOB NOT NULL,                  -- what was purged
    vendors BLOB NOT NULL,                 -- what became of the person at Gainsight, by destination
    detail TEXT NOT NULL DEFAULT '',       -- what it waits for
    due_us INTEGER NOT NULL DEFAULT 0,     -- when it goes on
    done_us INTEGER,
    lifted_us INTEGER,                     -- since then the person's events pass again
    log_gone_us INTEGER                    -- when a log that erases nothing has lost the person's events
);
CREATE INDEX forgetting_open ON forgetting (id) WHERE done_us IS NULL;
CREATE INDEX forgetting_asked ON forgetting (asked);

-- Whose events are not let in any more: keyed hashes of ids and e-mails.
CREATE TABLE suppressed (
    digest BLOB NOT NULL,
    forgetting_id INTEGER NOT NULL,
    PRIMARY KEY (digest, forgetting_id)
) WITHOUT ROWID;

-- Events that are to be purged, and entries of the log that are to be erased.
CREATE TABLE forgotten_event (event_id INTEGER PRIMARY KEY, forgetting_id INTEGER NOT NULL);
CREATE TABLE erasure (
    partition INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    PRIMARY KEY (partition, "offset")
) WITHOUT ROWID;

-- Alerts that stand, or whose end was not told yet.
CREATE TABLE alert (
    key TEXT PRIMARY KEY,
    begun_us INTEGER NOT NULL,
    ended_us INTEGER,                      -- null while it stands
    told INTEGER NOT NULL DEFAULT 0,       -- 1: its beginning was told
    body BLOB NOT NULL                     -- what it is about, JSON
) WITHOUT ROWID;
-- History that somebody has sent again: what was asked for, and what came of it. 0 running, 1 paused, 2 cancelled, 3 done.
CREATE TABLE replay (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    ended_us INTEGER NOT NULL DEFAULT 0,
    begins_us INTEGER NOT NULL DEFAULT 0,  -- the log had nothing older, though there was more once; 0: it has all
    asked BLOB NOT NULL,
    tally BLOB NOT NULL
);
-- How far each has come in each partition of the log, and where it ends.
CREATE TABLE replay_part (
    replay_id INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    until_offset INTEGER NOT NULL,
    PRIMARY KEY (replay_id, partition)
) WITHOUT ROWID;
-- Deliveries on their way again, and what each was before: no word where the event had not met the destination.
CREATE TABLE replayed (
    event_id INTEGER NOT NULL,
    destination_id INTEGER NOT NULL,
    replay_id INTEGER NOT NULL,
    held INTEGER NOT NULL DEFAULT 0,       -- 1: withdrawn while the replay is paused
    appends INTEGER NOT NULL DEFAULT 1,    -- 0: its appends are not sent again
    word INTEGER,
    code TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',
    until_us INTEGER,
    PRIMARY KEY (event_id, destination_id)
) WITHOUT ROWID;
CREATE INDEX replayed_replay ON replayed (replay_id, held, event_id, destination_id);

-- Who may manage the server: people with a password, and what they may do.
CREATE TABLE user (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE,           -- the name as it is compared
    role TEXT NOT NULL,                    -- viewer | editor | admin
    enabled INTEGER NOT NULL DEFAULT 1,
    password TEXT NOT NULL,                -- argon2id, with its parameters and salt
    created_us INTEGER NOT NULL,
    password_us INTEGER NOT NULL,          -- when the password was last set
    seen_us INTEGER                        -- when the user last logged in
);
-- Their log-ins. What the browser sends is not here, only its digest.
CREATE TABLE session (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE,
    user_id INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    seen_us INTEGER NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL
);
CREATE INDEX session_user ON session (user_id, id);
-- Tokens for programs, as digests.
CREATE TABLE api_token (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL UNIQUE,
    role TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    maker TEXT NOT NULL,                   -- who made it
    expires_us INTEGER,
    used_us INTEGER
);
-- Who did what: an entry is made before anything is done, and ended with what came of it.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_us INTEGER NOT NULL,
    kind TEXT NOT NULL,                    -- what the actor is
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    outcome TEXT NOT NULL,                 -- begun | done | refused | failed
    address TEXT NOT NULL,
    detail BLOB NOT NULL                   -- JSON
);
CREATE INDEX audit_actor ON audit (actor, id);
CREATE INDEX audit_at ON audit (at_us, id);
