-- 0003: timers, journeys, SOP runs with their evidence, cases.

-- What a plugin asked to be run later (tx:after, cx.timer with every). A timer that has fired is gone.
CREATE TABLE timer (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	due_ms   INTEGER NOT NULL,
	plugin   TEXT NOT NULL,
	name     TEXT NOT NULL,    -- of cx.timer
	arg      TEXT,             -- JSON
	past     INTEGER NOT NULL, -- set by imported history: tx.past when it fires
	seq      INTEGER,          -- the event whose reaction set it, or set the timer that set it; NULL: none
	nth      INTEGER NOT NULL, -- which of the plugin's reactions to that event set it, from 1; 0: a timer did
	pos      INTEGER NOT NULL, -- its place among those that one set, from 1
	strikes  INTEGER NOT NULL, -- how often the engine ended while it fired
	every    TEXT,             -- of an interval, as declared; NULL: it fires once
	since_ms INTEGER           -- of an interval: where its periods are counted from
) STRICT;
CREATE INDEX timer_next ON timer (plugin, past, due_ms, id);
CREATE INDEX timer_due ON timer (due_ms, id);
CREATE INDEX timer_seq ON timer (seq) WHERE seq IS NOT NULL;
CREATE UNIQUE INDEX timer_every ON timer (plugin, name) WHERE every IS NOT NULL;
-- What became of timers that go back to an event: for traces, and for corrections, which set nothing again.
CREATE TABLE timer_fired (
	id       INTEGER PRIMARY KEY, -- that it had as a timer
	due_ms   INTEGER NOT NULL,
	plugin   TEXT NOT NULL,
	name     TEXT NOT NULL,
	seq      INTEGER NOT NULL,
	nth      INTEGER NOT NULL,
	pos      INTEGER NOT NULL,
	fired_ms INTEGER NOT NULL,
	failed   INTEGER              -- failed.id
) STRICT;
CREATE INDEX timer_fired_seq ON timer_fired (seq);
-- Of a timer that failed: its id, when it was due, its arg. Where no event led to it, seq is 0.
ALTER TABLE failed ADD COLUMN timer INTEGER NOT NULL DEFAULT 0;
ALTER TABLE failed ADD COLUMN due_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE failed ADD COLUMN arg TEXT;

-- The events of each journey by key, also of those without an instance: what a fold reads. Of an event
-- and its corrections the newest is here.
CREATE TABLE journey_event (
	journey TEXT NOT NULL,
	key     TEXT NOT NULL,
	time_ms INTEGER NOT NULL,
	seq     INTEGER NOT NULL,
	PRIMARY KEY (journey, key, time_ms, seq)
) STRICT, WITHOUT ROWID;
-- Definitions that instances began with, as data; their functions are in the plugin's sources.
CREATE TABLE journey_version (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	journey    TEXT NOT NULL,
	number     INTEGER NOT NULL, -- 1, 2… of the journey
	identity   TEXT NOT NULL,    -- of the definition
	plugin     TEXT NOT NULL,
	hash       TEXT NOT NULL,    -- of the sources it came with: plugin_source
	since_ms   INTEGER NOT NULL,
	definition TEXT NOT NULL,    -- JSON
	UNIQUE (journey, identity),
	UNIQUE (journey, number)
) STRICT;
CREATE TABLE journey_instance (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	journey    TEXT NOT NULL,
	key        TEXT NOT NULL,
	n          INTEGER NOT NULL, -- 1, 2…: key, key#2…
	version    INTEGER NOT NULL, -- journey_version.id
	outer      INTEGER,          -- the instance that this one is inside of, which has its state
	open       INTEGER NOT NULL, -- 1: it has a stage
	stage      TEXT,             -- NULL: it has ended
	outcome    TEXT,
	lost       INTEGER NOT NULL,
	late       INTEGER NOT NULL, -- the stage it is in is overdue
	unit       TEXT,
	subject    TEXT,
	by         TEXT NOT NULL,    -- JSON object: what the funnel is broken down by
	start_seq  INTEGER NOT NULL, -- the event that began it
	begun_ms   INTEGER NOT NULL,
	ended_ms   INTEGER,
	due_ms     INTEGER,          -- when something happens to it by itself
	queued_ms  INTEGER,          -- its entry in journey_due that will tell of that, and
	queued_past INTEGER NOT NULL, -- whether that is one of history
	past_ms    INTEGER NOT NULL, -- what is due up to then is history (imported); 0: nothing is
	last_ms    INTEGER NOT NULL, -- the newest event in the state: its time and seq
	last_seq   INTEGER NOT NULL,
	upto_ms    INTEGER NOT NULL, -- the last deadline that has passed, 0 none
	strikes    INTEGER NOT NULL, -- how often the engine ended while its deadline fired
	state      TEXT NOT NULL,    -- JSON of the fold; runtime/journey.lua's own
	UNIQUE (journey, key, n)
) STRICT;
-- Whatever is indexed changes when an instance begins or ends, and not when it moves.
CREATE INDEX journey_begun ON journey_instance (journey, begun_ms);
CREATE INDEX journey_open ON journey_instance (journey, id) WHERE open = 1;
CREATE INDEX journey_pinned ON journey_instance (version) WHERE open = 1;
-- What may be due when. An instance that moves leaves its entry where it is, if that is not too late: an
-- entry whose time has come and that is not (or no longer) due then is put off or goes.
CREATE TABLE journey_due (
	journey  TEXT NOT NULL,
	past     INTEGER NOT NULL,
	due_ms   INTEGER NOT NULL,
	instance INTEGER NOT NULL,
	PRIMARY KEY (journey, past, due_ms, instance)
) STRICT, WITHOUT ROWID;
-- Open instances with clocks.
CREATE TABLE journey_case (
	instance INTEGER PRIMARY KEY,
	due_ms   INTEGER NOT NULL, -- of the first clock that runs; the last instant of all: none does
	state    TEXT NOT NULL     -- running, overdue, paused, stopped
) STRICT;
CREATE INDEX journey_case_due ON journey_case (due_ms, instance);
-- The way of an instance, a row per event that moved it or deviated, and per deadline.
CREATE TABLE journey_move (
	instance INTEGER NOT NULL,
	pos      INTEGER NOT NULL,  -- from 1
	seq      INTEGER,           -- of the event; NULL: a deadline
	time_ms  INTEGER NOT NULL,
	type     TEXT NOT NULL,     -- of the event, or "within", "idle", "ended" (what was inside), "clock:ID"
	source   TEXT,              -- the stage before; NULL: it began, or had ended
	target   TEXT,              -- the stage after; NULL: it ended, or nothing moved
	pass     INTEGER NOT NULL,  -- how often the target has been entered; of "within" its stage; else 0
	deviation TEXT,             -- "unexpected", "late", "sop_open", "open_promise"; NULL: it moved as it should
	left_ms  INTEGER,           -- when the stage entered here was left
	PRIMARY KEY (instance, pos)
) STRICT, WITHOUT ROWID;
-- Deadlines that on_late has been told of: once for each, whatever is folded again.
CREATE TABLE journey_told (
	journey TEXT NOT NULL,
	key     TEXT NOT NULL,
	n       INTEGER NOT NULL,
	stage   TEXT NOT NULL,
	pass    INTEGER NOT NULL,
	PRIMARY KEY (journey, key, n, stage, pass)
) STRICT, WITHOUT ROWID;
-- What cost the customer something. stands: what it came of is still in the instance's history, which
-- a late event can change.
CREATE TABLE friction (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	journey  TEXT NOT NULL,
	instance INTEGER NOT NULL,
	stage    TEXT NOT NULL,
	pass     INTEGER,            -- of the stage that was late; NULL: noted by another reaction
	kind     TEXT NOT NULL,
	time_ms  INTEGER NOT NULL,
	lost_ms  INTEGER,
	severity INTEGER,
	seq      INTEGER,
	subject  TEXT,
	unit     TEXT,
	stands   INTEGER NOT NULL,
	once     TEXT NOT NULL,      -- what it came from: the same again adds nothing
	UNIQUE (instance, once)
) STRICT;
CREATE INDEX friction_time ON friction (journey, time_ms);

-- SOP runs: each stays on the version it began with.
CREATE TABLE sop_version (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	sop        TEXT NOT NULL,
	version    INTEGER NOT NULL,
	hash       TEXT NOT NULL,    -- of the definition and its functions
	plugin     TEXT NOT NULL,
	source     TEXT NOT NULL,    -- plugin_source.hash
	definition TEXT NOT NULL,    -- JSON
	UNIQUE (sop, version)
) STRICT;
CREATE TABLE sop_run (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	run       TEXT NOT NULL UNIQUE, -- its public name
	version   INTEGER NOT NULL,     -- sop_version.id
	sop       TEXT NOT NULL,
	state     TEXT NOT NULL,        -- open, finished, abandoned
	begun_ms  INTEGER NOT NULL,
	ended_ms  INTEGER,
	unit      TEXT,
	actor     TEXT,
	subject   TEXT,
	journey   TEXT,                 -- of the stage that opened it
	key       TEXT,
	stage     TEXT,
	pass      INTEGER NOT NULL,     -- 0: no stage did
	required  INTEGER NOT NULL,
	context   TEXT NOT NULL,        -- JSON object
	by        TEXT NOT NULL,        -- who began it: a person, /token/NAME, /uid/N, a journey or handler
	digest    TEXT NOT NULL,        -- of what was sent to begin it; '': nothing was
	reason    TEXT,                 -- of an abandoned one
	score     REAL,                 -- 0 to 1; NULL: none of its items counts
	passed    INTEGER,
	result    TEXT NOT NULL,        -- JSON: what runtime/sop.lua said after the last write
	due_ms    INTEGER               -- under embargo: when the events of its end go out
) STRICT;
CREATE INDEX sop_run_open ON sop_run (sop, state, id);
CREATE INDEX sop_run_unit ON sop_run (unit, state, id);
CREATE INDEX sop_run_actor ON sop_run (actor, state, id) WHERE actor IS NOT NULL;
CREATE INDEX sop_run_due ON sop_run (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX sop_run_key ON sop_run (key, journey, id) WHERE key IS NOT NULL;
CREATE TABLE sop_answer (
	run         INTEGER NOT NULL,   -- sop_run.id
	item        TEXT NOT NULL,
	answer      TEXT,               -- JSON; NULL: taken back
	evidence    TEXT NOT NULL,      -- JSON list of sha256
	time_ms     INTEGER NOT NULL,   -- the answer's own time
	recorded_ms INTEGER NOT NULL,
	actor       TEXT,
	device      TEXT,               -- the device, and the number it gave the answer
	sequence    INTEGER NOT NULL,   -- 0: none
	PRIMARY KEY (run, item)
) STRICT, WITHOUT ROWID;
-- Files by content; the bytes are in the data folder.
CREATE TABLE evidence (
	sha256   TEXT PRIMARY KEY,
	bytes    INTEGER NOT NULL,
	media    TEXT NOT NULL,
	added_ms INTEGER NOT NULL,
	actor    TEXT
) STRICT, WITHOUT ROWID;
