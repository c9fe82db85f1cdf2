%% @doc One connection to Kestrel. It writes one item at a time and waits for STORED.
-module(kestrel_writer).
-behaviour(gen_server).

-export([names/1, start_link/3, store/3]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2, code_change/3]).

-define(REPLY_MS, 1500).
-define(CONNECT_MS, 500).
-define(REST_MS, 100).

-record(state, {host, port, socket = none, rest_until = none}).

names(Count) ->
    [list_to_atom("kestrel_writer_" ++ integer_to_list(N)) || N <- lists:seq(1, Count)].

start_link(Name, Host, Port) ->
    gen_server:start_link({local, Name}, ?MODULE, {Host, Port}, []).

%% @doc Puts one item on a queue: ok when Kestrel said STORED, {error, Why} in any other case.
%% Returns within ?REPLY_MS and a little. After an error the item may still be on the queue.
store(Writers, Queue, Body) ->
    Writer = lists:nth(erlang:unique_integer([positive]) rem length(Writers) + 1, Writers),
    Deadline = now_ms() + ?REPLY_MS,
    try gen_server:call(Writer, {store, Queue, Body, Deadline}, ?REPLY_MS + 100)
    catch exit:Why -> {error, Why}
    end.

init({Host, Port}) ->
    {ok, #state{host = Host, port = Port}}.

handle_call({store, Queue, Body, Deadline}, _From, State) ->
    Set = [<<"set ">>, Queue, <<" 0 0 ">>, integer_to_list(size(Body)), <<"\r\n">>, Body,
           <<"\r\n">>],
    {Reply, Next} = in_time(Set, Deadline, State),
    {reply, Reply, Next}.

handle_cast(_, State) -> {noreply, State}.

%% The queue hung up, or spoke out of turn: either way this connection is over.
handle_info({tcp_closed, Socket}, #state{socket = Socket} = State) -> {noreply, hang_up(State)};
handle_info({tcp_error, Socket, _}, #state{socket = Socket} = State) -> {noreply, hang_up(State)};
handle_info({tcp, Socket, _}, #state{socket = Socket} = State) -> {noreply, hang_up(State)};
handle_info(_, State) -> {noreply, State}.

terminate(_Reason, State) -> hang_up(State).

code_change(_OldVsn, State, _Extra) -> {ok, State}.

%% The caller of a late item has answered its client by now: writing it would be a duplicate.
in_time(Set, Deadline, State) ->
    case now_ms() >= Deadline of
        true -> {{error, expired}, State};
        false -> write(Set, Deadline, connect(State), 1)
    end.

write(_Set, _Deadline, #state{socket = none} = State, _Retries) ->
    {{error, unreachable}, State};
write(Set, Deadline, #state{socket = Socket} = State, Retries) ->
    case gen_tcp:send(Socket, Set) of
        ok -> reply(Deadline, State);
        {error, closed} when Retries > 0 ->
            %% Kestrel was gone before it had the whole item, so sending it again makes no duplicate.
            write(Set, Deadline, connect(hang_up(State)), Retries - 1);
        {error, Why} -> {{error, Why}, hang_up(State)}
    end.

reply(Deadline, #state{socket = Socket} = State) ->
    receive
        {tcp, Socket, <<"STORED", _/binary>>} -> {ok, State};
        {tcp, Socket, <<"NOT_STORED", _/binary>>} -> {{error, not_stored}, State};
        {tcp, Socket, Other} -> {{error, Other}, hang_up(State)};
        {tcp_closed, Socket} -> {{error, closed}, hang_up(State)};
        {tcp_error, Socket, Why} -> {{error, Why}, hang_up(State)}
    after max(0, Deadline - now_ms()) ->
        {{error, timeout}, hang_up(State)}
    end.

connect(#state{socket = none, host = Host, port = Port, rest_until = Rest} = State) ->
    Options = [binary, {packet, line}, {active, true}, {nodelay, true}, {send_timeout, ?REPLY_MS},
               {send_timeout_close, true}],
    case Rest =/= none andalso now_ms() < Rest of
        true -> State;
        false ->
            case gen_tcp:connect(Host, Port, Options, ?CONNECT_MS) of
                {ok, Socket} -> State#state{socket = Socket, rest_until = none};
                {error, _} -> State#state{rest_until = now_ms() + ?REST_MS}
            end
    end;
connect(State) ->
    State.

hang_up(#state{socket = none} = State) -> State;
hang_up(#state{socket = Socket} = State) ->
    gen_tcp:close(Socket),
    State#state{socket = none}.

now_ms() -> erlang:monotonic_time(millisecond).
