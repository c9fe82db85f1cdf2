%% @doc The ingestion server: command line, supervision, readiness.
%%
%%   erl -noshell -noinput -pa BUILD_DIR -run ingest start LISTEN KESTREL [EVENTS PROFILES]
%%
%% LISTEN and KESTREL are ADDRESS:PORT; port 0 of LISTEN lets the system choose. When the server
%% listens it prints `ready legacy ADDRESS:PORT' with the true port. SIGTERM stops it.
-module(ingest).
-behaviour(supervisor).

-export([start/0, start/1]).
-export([init/1]).

-define(WRITERS, 4).

start() -> start([]).

start([Listen, Kestrel]) ->
    start([Listen, Kestrel, "events", "profiles"]);
start([Listen, Kestrel, Events, Profiles]) ->
    log_to_standard_error(),
    %% The process that runs -run goes away when start/1 returns, and what is linked to it
    %% goes too; so the tree hangs on a process of its own.
    spawn(fun() -> run(Listen, Kestrel, Events, Profiles) end),
    ok;
start(_) ->
    give_up(2, "usage: -run ingest start LISTEN KESTREL [EVENTS PROFILES], "
               "for example 127.0.0.1:8000 127.0.0.1:22133 events profiles", []).

run(Listen, Kestrel, Events, Profiles) ->
    process_flag(trap_exit, true),
    Http = address(Listen),
    Queue = address(Kestrel),
    case supervisor:start_link(?MODULE, {Http, Queue, {queue_name(Events), queue_name(Profiles)}}) of
        {ok, Supervisor} ->
            logger:set_primary_config(level, notice),
            Port = mochiweb_socket_server:get(ingest_web, port),
            io:format("ready legacy ~s~n", [with_port(Listen, Port)]),
            receive
                {'EXIT', Supervisor, Reason} ->
                    give_up(1, "the server went down: ~p", [Reason])
            end;
        {error, Reason} ->
            give_up(1, "cannot listen on ~s: ~p", [Listen, cause(Reason)])
    end.

init({Http, {Host, Port}, Queues}) ->
    Writers = [{Name, {kestrel_writer, start_link, [Name, Host, Port]},
                permanent, 5000, worker, [kestrel_writer]}
               || Name <- kestrel_writer:names(?WRITERS)],
    Web = {ingest_web, {ingest_web, start_link, [Http, Queues, kestrel_writer:names(?WRITERS)]},
           permanent, 5000, worker, [ingest_web]},
    {ok, {{one_for_one, 10, 10}, Writers ++ [Web]}}.

%% ADDRESS:PORT or [ADDRESS]:PORT to {IpTuple, Port}.
address(Text) ->
    try
        Colon = string:rchr(Text, $:),
        Host = string:strip(string:strip(string:substr(Text, 1, Colon - 1), left, $[), right, $]),
        Port = list_to_integer(string:substr(Text, Colon + 1)),
        true = Port >= 0 andalso Port < 65536,
        {resolve(Host), Port}
    catch
        _:_ -> give_up(2, "~s is not ADDRESS:PORT, for example 127.0.0.1:8000", [Text])
    end.

resolve(Host) ->
    case inet:getaddr(Host, inet) of
        {ok, Address} -> Address;
        {error, _} -> {ok, Address} = inet:getaddr(Host, inet6), Address
    end.

with_port(Listen, Port) ->
    string:substr(Listen, 1, string:rchr(Listen, $:)) ++ integer_to_list(Port).

%% A blank in a queue's name would end the word in the memcache protocol, and Kestrel keeps
%% `/', `+' and `~' for itself.
queue_name(Name) ->
    case Name =/= "" andalso not lists:any(fun(C) -> C =< 32 orelse C > 126 orelse
                                                     lists:member(C, "/+~.") end, Name) of
        true -> list_to_binary(Name);
        false -> give_up(2, "~p is no name for a queue", [Name])
    end.

cause({shutdown, {failed_to_start_child, _, Reason}}) -> Reason;
cause(Reason) -> Reason.

%% Standard output is for the readiness line alone, and a failed start says one line, not a
%% page of crash reports: the log opens when the server listens.
log_to_standard_error() ->
    logger:set_primary_config(level, none),
    logger:remove_handler(default),
    logger:add_handler(default, logger_std_h, #{config => #{type => standard_error}}).

give_up(Status, Format, Arguments) ->
    io:format(standard_error, "legacy: " ++ Format ++ "~n", Arguments),
    halt(Status).
