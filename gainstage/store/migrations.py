"""What brings a store of an earlier version to the tables of this one; new ones begin with `schema.sql`."""

SCHEMA_VERSION = 8
#: What brings a store of this version to the next one.
MIGRATIONS = {
    1: """
        ALTER TABLE destination ADD COLUMN replan_after INTEGER;
        UPDATE destination SET replan_after = 0;
        ALTER TABLE record ADD COLUMN holder INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE record ADD COLUMN unsure INTEGER NOT NULL DEFAULT 0;
    """,
    2: """
        ALTER TABLE record ADD COLUMN joining INTEGER NOT NULL DEFAULT 0;
        CREATE TABLE record_key (
            tenant_id INTEGER NOT NULL,
            object TEXT NOT NULL,
            key TEXT NOT NULL,
            record_id INTEGER NOT NULL,
            role INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (tenant_id, object, key, role)
        ) WITHOUT ROWID;
        CREATE INDEX record_key_record ON record_key (record_id);
        CREATE INDEX record_key_role ON record_key (role) WHERE role = 1;
        CREATE TABLE joining (
            record_id INTEGER NOT NULL,
            into_id INTEGER NOT NULL,
            PRIMARY KEY (record_id, into_id)
        ) WITHOUT ROWID;
        CREATE TABLE tenant_schema (
            tenant TEXT PRIMARY KEY,
            origin TEXT NOT NULL,
            at_us INTEGER NOT NULL,
            body BLOB NOT NULL
        ) WITHOUT ROWID;
        ALTER TABLE record ADD COLUMN occupied_until_us INTEGER NOT NULL DEFAULT 0;
        CREATE INDEX record_occupied ON record (occupied_until_us) WHERE occupied_until_us > 0;
        ALTER TABLE destination ADD COLUMN yields_until_us INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE operation ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
        DROP INDEX operation_lane;
        CREATE INDEX operation_lane ON operation
            (record_id, destination_id, waits, kind, event_id, id, priority);
        ALTER TABLE budget ADD COLUMN live INTEGER NOT NULL DEFAULT 0;
        UPDATE budget SET live = used;
        ALTER TABLE budget_limit ADD COLUMN since_us INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE budget_limit ADD COLUMN refused_us INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE budget_limit ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE budget_limit ADD COLUMN lowered INTEGER;
        ALTER TABLE budget_limit ADD COLUMN lowered_us INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE budget_limit ADD COLUMN step INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE budget_limit ADD COLUMN step_us INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE budget_limit ADD COLUMN alert INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE budget_limit ADD COLUMN alert_us INTEGER NOT NULL DEFAULT 0;
    """,
    3: """
        CREATE TABLE event_name (
            id INTEGER PRIMARY KEY,
            source_id INTEGER NOT NULL,
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            n INTEGER NOT NULL,
            first_us INTEGER NOT NULL,
            last_us INTEGER NOT NULL,
            keys BLOB NOT NULL,
            other_keys INTEGER NOT NULL DEFAULT 0,
            UNIQUE (source_id, kind, name)
        );
        CREATE TABLE near_miss (
            source_id INTEGER NOT NULL,
            key TEXT NOT NULL,
            meant TEXT NOT NULL,
            n INTEGER NOT NULL,
            last_us INTEGER NOT NULL,
            PRIMARY KEY (source_id, key)
        ) WITHOUT ROWID;
        CREATE TABLE vocabulary (
            source_id INTEGER PRIMARY KEY,
            names INTEGER NOT NULL DEFAULT 0,
            keys INTEGER NOT NULL DEFAULT 0,
            misses INTEGER NOT NULL DEFAULT 0,
            other_names INTEGER NOT NULL DEFAULT 0,
            other_misses INTEGER NOT NULL DEFAULT 0
        );
        CREATE TABLE tenant_name (
            tenant_id INTEGER NOT NULL,
            digest BLOB NOT NULL,
            PRIMARY KEY (tenant_id, digest)
        ) WITHOUT ROWID;
        CREATE TABLE name_limit (tenant_id INTEGER PRIMARY KEY, most INTEGER NOT NULL);
        CREATE TABLE edited (event_id INTEGER PRIMARY KEY, entry BLOB NOT NULL, at_us INTEGER NOT NULL);
    """,
    4: """
        ALTER TABLE record ADD COLUMN abandoned BLOB;
        ALTER TABLE event ADD COLUMN person BLOB;
        CREATE INDEX call_event_call ON call_event (call_id);
        CREATE TABLE forgetting (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            asked BLOB NOT NULL,
            asked_us INTEGER NOT NULL,
            phase INTEGER NOT NULL,
            person BLOB,
            place BLOB NOT NULL,
            counts BLOB NOT NULL,
            vendors BLOB NOT NULL,
            detail TEXT NOT NULL DEFAULT '',
            due_us INTEGER NOT NULL DEFAULT 0,
            done_us INTEGER,
            lifted_us INTEGER,
            log_gone_us INTEGER
        );
        CREATE INDEX forgetting_open ON forgetting (id) WHERE done_us IS NULL;
        CREATE INDEX forgetting_asked ON forgetting (asked);
        CREATE TABLE suppressed (
            digest BLOB NOT NULL,
            forgetting_id INTEGER NOT NULL,
            PRIMARY KEY (digest, forgetting_id)
        ) WITHOUT ROWID;
        CREATE TABLE forgotten_event (event_id INTEGER PRIMARY KEY, forgetting_id INTEGER NOT NULL);
        CREATE TABLE erasure (
            partition INTEGER NOT NULL,
            "offset" INTEGER NOT NULL,
            PRIMARY KEY (partition, "offset")
        ) WITHOUT ROWID;
        CREATE TABLE alert (
            key TEXT PRIMARY KEY,
            begun_us INTEGER NOT NULL,
            ended_us INTEGER,
            told INTEGER NOT NULL DEFAULT 0,
            body BLOB NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE replay (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            state INTEGER NOT NULL,
            created_us INTEGER NOT NULL,
            ended_us INTEGER NOT NULL DEFAULT 0,
            begins_us INTEGER NOT NULL DEFAULT 0,
            asked BLOB NOT NULL,
            tally BLOB NOT NULL
        );
        CREATE TABLE replay_part (
            replay_id INTEGER NOT NULL,
            partition INTEGER NOT NULL,
            "offset" INTEGER NOT NULL,
            until_offset INTEGER NOT NULL,
            PRIMARY KEY (replay_id, partition)
        ) WITHOUT ROWID;
        CREATE TABLE replayed (
            event_id INTEGER NOT NULL,
            destination_id INTEGER NOT NULL,
            replay_id INTEGER NOT NULL,
            held INTEGER NOT NULL DEFAULT 0,
            appends INTEGER NOT NULL DEFAULT 1,
            word INTEGER,
            code TEXT NOT NULL DEFAULT '',
            detail TEXT NOT NULL DEFAULT '',
            until_us INTEGER,
            PRIMARY KEY (event_id, destination_id)
        ) WITHOUT ROWID;
        CREATE INDEX replayed_replay ON replayed (replay_id, held, event_id, destination_id);
    """,
    5: """
        CREATE TABLE user (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL,
            folded TEXT NOT NULL UNIQUE,
            role TEXT NOT NULL,
            enabled INTEGER NOT NULL DEFAULT 1,
            password TEXT NOT NULL,
            created_us INTEGER NOT NULL,
            password_us INTEGER NOT NULL,
            seen_us INTEGER
        );
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
        CREATE TABLE api_token (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL,
            folded TEXT NOT NULL UNIQUE,
            digest BLOB NOT NULL UNIQUE,
            role TEXT NOT NULL,
            created_us INTEGER NOT NULL,
            maker TEXT NOT NULL,
            expires_us INTEGER,
            used_us INTEGER
        );
        CREATE TABLE audit (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at_us INTEGER NOT NULL,
            kind TEXT NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            object TEXT NOT NULL,
            outcome TEXT NOT NULL,
            address TEXT NOT NULL,
            detail BLOB NOT NULL
        );
        CREATE INDEX audit_actor ON audit (actor, id);
        CREATE INDEX audit_at ON audit (at_us, id);
    """,
    # Of a call that was under way just now more is taken to have arrived than it may have carried.
    6: """
        ALTER TABLE record ADD COLUMN carried BLOB;
        UPDATE record SET carried =
            (SELECT json_group_array(id) FROM operation WHERE record_id = record.id AND waits = 0
             AND destination_id = holder)
            WHERE leased_until_us > 0;
    """,
    # What fails now is tried for the whole time from here.
    7: """
        ALTER TABLE destination ADD COLUMN held_us INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE destination ADD COLUMN failing_us INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE destination ADD COLUMN failed_us INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE operation ADD COLUMN failing_from_us INTEGER;
        ALTER TABLE lane DROP COLUMN failing_since_us;
        ALTER TABLE budget_limit DROP COLUMN refused_us;
        ALTER TABLE budget_limit ADD COLUMN refused_call INTEGER NOT NULL DEFAULT 0;
    """,
}
