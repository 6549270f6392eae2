------------------------------ MODULE Explorer ------------------------------
(* The protocol of lesson_lib.explorer.explore once more, for TLC: one producer in  *)
(* the manner of Kafka's Java client, one partition, batches of one record.    *)
(* The test beside this file runs both and compares the numbers of distinct    *)
(* states and of steps, and the outcomes. Written from Kafka's rule, not from  *)
(* the Python: what they share is the list of steps.                           *)
EXTENDS Integers, Sequences, FiniteSets, TLC

CONSTANTS Batches,       \* how many batches the application sends
          InFlight,      \* how many requests may be unanswered
          Faults,        \* how many faults may happen
          Idempotence,   \* whether batches carry an epoch and a sequence
          NewLogRule,    \* Kafka 4.5: a log that never held a record begins at sequence 0
          Kinds          \* which faults may happen

VARIABLES client,        \* what the producer knows
          requests,      \* on the connection, not handled yet
          answers,       \* on the connection, not read yet: error codes
          memory,        \* what the broker remembers of the producer
          log,           \* the requests whose batches are stored
          late,          \* what the broker has not read yet of connections that are gone
          left           \* faults that may still happen

vars == <<client, requests, answers, memory, log, late, left>>

None == 0      \* the error codes, by Kafka's numbers
NotLeader == 6
AfterAppend == 20
OutOfOrder == 45
OldEpoch == 47

Unknown == [epoch |-> -1, stored |-> <<>>]
Elements(s) == {s[i] : i \in DOMAIN s}
Without(s, i) == SubSeq(s, 1, i - 1) \o SubSeq(s, i + 1, Len(s))
LastFive(s) == SubSeq(s, IF Len(s) > 5 THEN Len(s) - 4 ELSE 1, Len(s))

-----------------------------------------------------------------------------
(* The broker's rule *)

Remembered(m, r) == m.epoch = r.epoch /\ \E b \in Elements(m.stored) : b.sequence = r.sequence
LastSequence(m) == IF m.stored = <<>> THEN -1 ELSE m.stored[Len(m.stored)].sequence

Error(m, l, r) ==
    IF ~Idempotence \/ Remembered(m, r) THEN None
    ELSE IF r.epoch < m.epoch THEN OldEpoch
    ELSE IF m.epoch = -1 THEN IF r.sequence # 0 /\ NewLogRule /\ l = <<>> THEN OutOfOrder ELSE None
    ELSE IF r.epoch > m.epoch THEN IF r.sequence = 0 THEN None ELSE OutOfOrder
    ELSE IF r.sequence = LastSequence(m) + 1 THEN None ELSE OutOfOrder

Appends(m, l, r) == Error(m, l, r) = None /\ ~(Idempotence /\ Remembered(m, r))

Remember(m, l, r) ==
    LET kept == IF r.epoch = m.epoch THEN m.stored ELSE <<>>
    IN  IF ~Idempotence THEN m
        ELSE [epoch |-> r.epoch, stored |-> LastFive(Append(kept, [sequence |-> r.sequence, offset |-> Len(l)]))]

MemoryAfter(m, l, r) == IF Appends(m, l, r) THEN Remember(m, l, r) ELSE m
LogAfter(m, l, r) == IF Appends(m, l, r) THEN Append(l, r) ELSE l

RECURSIVE Rebuilt(_, _, _)
Rebuilt(m, l, n) == IF n > Len(l) THEN m ELSE Rebuilt(Remember(m, SubSeq(l, 1, n - 1), l[n]), l, n + 1)

OfSnapshot(m) == IF m.stored = <<>> THEN m ELSE [m EXCEPT !.stored = <<m.stored[Len(m.stored)]>>]

-----------------------------------------------------------------------------
(* The producer *)

Pending(c) == c.wire \o c.waiting
Tell(c, b, what) == [c EXCEPT !.told[b] = what]

RaiseEpoch(c) ==
    LET rank(e) == Cardinality({o \in Elements(Pending(c)) : o.sequence < e.sequence})
        renumber(s) == [i \in DOMAIN s |-> [batch |-> s[i].batch, sequence |-> rank(s[i]), renumbered |-> TRUE]]
    IN  [c EXCEPT !.epoch = @ + 1, !.nextSequence = Len(Pending(c)), !.lastAcked = -1, !.unresolved = FALSE,
                  !.wire = renumber(c.wire), !.waiting = renumber(c.waiting)]

Resolve(c) ==
    IF ~c.unresolved \/ Pending(c) # <<>> THEN c
    ELSE IF c.lastAcked + 1 = c.nextSequence THEN [c EXCEPT !.unresolved = FALSE]
    ELSE RaiseEpoch(c)

TryAgain(c, e) ==
    [c EXCEPT !.waiting =
        IF Idempotence THEN SelectSeq(@, LAMBDA o : o.sequence < e.sequence) \o <<e>>
                                \o SelectSeq(@, LAMBDA o : o.sequence > e.sequence)
        ELSE <<e>> \o @]

RECURSIVE TryAllAgain(_, _)
TryAllAgain(c, es) == IF es = <<>> THEN c ELSE TryAllAgain(TryAgain(c, Head(es)), Tail(es))

Disconnected(c) == TryAllAgain([c EXCEPT !.wire = <<>>], c.wire)

Expired(c) ==
    LET e == Head(c.waiting)
    IN  IF c.waiting = <<>> THEN Tell([c EXCEPT !.nextBatch = @ + 1], c.nextBatch, "unknown") ELSE Resolve(Tell([c EXCEPT !.waiting = Tail(@), !.unresolved = Idempotence], e.batch, "unknown"))

RECURSIVE ExpiredTimes(_, _)
ExpiredTimes(c, n) == IF n = 0 THEN c ELSE ExpiredTimes(Expired(c), n - 1)

Answered(c, error) ==
    LET e == Head(c.wire)
        rest == [c EXCEPT !.wire = Tail(@)]
        again == TryAgain(rest, e)
        isNext == e.sequence = c.lastAcked + 1
    IN  CASE error = None -> Resolve(Tell([rest EXCEPT !.lastAcked = IF e.sequence > @ THEN e.sequence ELSE @], e.batch, "ok"))
          [] error \in {NotLeader, AfterAppend} -> again
          [] error = OutOfOrder -> IF c.unresolved \/ (isNext /\ ~e.renumbered) THEN RaiseEpoch(again) ELSE again
          [] OTHER -> RaiseEpoch(Tell(rest, e.batch, "failed"))

OneAlone(c) == Idempotence /\ \E o \in Elements(c.wire) : o.sequence < Head(c.waiting).sequence
CanSend(c) ==
    /\ Len(c.wire) < InFlight
    /\ IF c.waiting # <<>> THEN ~OneAlone(c) ELSE c.nextBatch <= Batches /\ ~c.unresolved

SentEntry(c) ==
    IF c.waiting # <<>> THEN [Head(c.waiting) EXCEPT !.renumbered = FALSE]
    ELSE [batch |-> c.nextBatch, sequence |-> c.nextSequence, renumbered |-> FALSE]

AfterSend(c) ==
    LET sent == [c EXCEPT !.wire = Append(@, SentEntry(c))]
    IN  IF c.waiting # <<>> THEN [sent EXCEPT !.waiting = Tail(@)]
        ELSE [sent EXCEPT !.nextBatch = @ + 1, !.nextSequence = IF Idempotence THEN @ + 1 ELSE @]

SentRequest(c) == [batch |-> SentEntry(c).batch, epoch |-> c.epoch, sequence |-> SentEntry(c).sequence]

-----------------------------------------------------------------------------
(* What happens without faults *)

Init ==
    /\ client = [told |-> [b \in 1..Batches |-> ""], epoch |-> IF Idempotence THEN 0 ELSE -1, nextBatch |-> 1,
                 nextSequence |-> IF Idempotence THEN 0 ELSE -1, lastAcked |-> -1, wire |-> <<>>, waiting |-> <<>>,
                 unresolved |-> FALSE]
    /\ requests = <<>> /\ answers = <<>> /\ memory = Unknown /\ log = <<>> /\ late = <<>> /\ left = Faults

Send ==
    /\ CanSend(client)
    /\ requests' = Append(requests, SentRequest(client))
    /\ client' = AfterSend(client)
    /\ UNCHANGED <<answers, memory, log, late, left>>

HandleWith(answer) ==
    /\ requests # <<>>
    /\ answers' = Append(answers, answer)
    /\ memory' = MemoryAfter(memory, log, Head(requests))
    /\ log' = LogAfter(memory, log, Head(requests))
    /\ requests' = Tail(requests)
    /\ UNCHANGED <<client, late>>

Handle == HandleWith(Error(memory, log, Head(requests))) /\ UNCHANGED left

Answer ==
    /\ answers # <<>>
    /\ client' = Answered(client, Head(answers))
    /\ answers' = Tail(answers)
    /\ UNCHANGED <<requests, memory, log, late, left>>

HandleLate ==
    \E i \in DOMAIN late :
        /\ memory' = MemoryAfter(memory, log, Head(late[i]))
        /\ log' = LogAfter(memory, log, Head(late[i]))
        /\ late' = IF Len(late[i]) = 1 THEN Without(late, i) ELSE [late EXCEPT ![i] = Tail(@)]
        /\ UNCHANGED <<client, requests, answers, left>>

(* Another try would change nothing on either side, so the delivery timeout comes, for the     *)
(* oldest batch alone or for some of the younger ones too.                                     *)
Stuck ==
    LET r == SentRequest(client)
    IN  /\ client.waiting # <<>> /\ requests = <<>> /\ answers = <<>> /\ late = <<>>
        /\ CanSend(client)
        /\ ~Appends(memory, log, r)
        /\ Answered(AfterSend(client), Error(memory, log, r)) = client

GiveUp ==
    /\ Stuck
    /\ \E n \in 1..(Len(client.waiting) + Batches - client.nextBatch + 1) : client' = ExpiredTimes(client, n)
    /\ UNCHANGED <<requests, answers, memory, log, late, left>>

-----------------------------------------------------------------------------
(* Faults *)

Fault(kind) == kind \in Kinds /\ left > 0 /\ left' = left - 1

Torn == requests' = <<>> /\ answers' = <<>> /\ client' = Disconnected(client) /\ UNCHANGED log

Cut == Fault("cut") /\ requests \o answers # <<>> /\ Torn /\ UNCHANGED <<memory, late>>

RestartBroker ==
    Fault("restart broker") /\ requests \o answers # <<>> /\ Torn /\ memory' = OfSnapshot(memory) /\ UNCHANGED late

FailOver ==
    Fault("fail over") /\ requests \o answers # <<>> /\ Torn /\ memory' = Rebuilt(Unknown, log, 1) /\ UNCHANGED late

Repeat == Fault("late") /\ requests # <<>> /\ Torn /\ late' = Append(late, requests) /\ UNCHANGED memory

Refuse ==
    /\ Fault("refuse") /\ requests # <<>>
    /\ requests' = Tail(requests) /\ answers' = Append(answers, NotLeader)
    /\ UNCHANGED <<client, memory, log, late>>

StoreAndAnswer ==
    Fault("store and answer") /\ requests # <<>> /\ Error(memory, log, Head(requests)) = None /\ HandleWith(AfterAppend)

DeliveryTimeout ==
    /\ Fault("delivery timeout") /\ client.waiting # <<>>
    /\ client' = Expired(client)
    /\ UNCHANGED <<requests, answers, memory, log, late>>

Next ==
    \/ Send \/ Handle \/ Answer \/ HandleLate \/ GiveUp
    \/ Cut \/ RestartBroker \/ FailOver \/ Repeat \/ Refuse \/ StoreAndAnswer \/ DeliveryTimeout

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
(* Not a property but a printer: every end, once, for the test to read. *)

Ended ==
    /\ requests = <<>> /\ answers = <<>> /\ late = <<>>
    /\ client.nextBatch > Batches /\ Pending(client) = <<>>

PrintEnds == Ended => PrintT("end " \o ToString([i \in DOMAIN log |-> log[i].batch]) \o " " \o ToString(client.told))

EveryBatchHasAnEnd == Ended => \A b \in 1..Batches : client.told[b] # ""
=============================================================================
