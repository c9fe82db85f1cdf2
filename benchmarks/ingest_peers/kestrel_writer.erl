%% @doc Stands where the legacy server's connections to its queue are: one process that appends
%% to a file, many events at once, and lets nobody wait.
-module(kestrel_writer).

-export([names/1, start_link/3, store/3]).

-define(EVERY, 512).

names(_Count) -> [sink].

start_link(_Name, _Host, _Port) ->
    Pid = spawn_link(fun() ->
        process_flag(trap_exit, true),
        %% A raw file belongs to the process that opened it.
        {ok, File} = file:open(os:getenv("BENCHMARK_SINK"), [append, raw, binary]),
        loop(File, [], 0)
    end),
    register(sink, Pid),
    {ok, Pid}.

store(_Writers, _Queue, Body) ->
    sink ! {event, Body},
    ok.

loop(File, Waiting, ?EVERY) ->
    write(File, Waiting),
    loop(File, [], 0);
loop(File, Waiting, Count) ->
    receive
        {event, Body} -> loop(File, [Waiting, Body, $\n], Count + 1);
        {'EXIT', _, Why} -> write(File, Waiting), exit(Why)
    after 300 ->
        %% Nobody tells a process without an application that the machine stops.
        write(File, Waiting),
        loop(File, [], 0)
    end.

write(File, Waiting) -> ok = file:write(File, Waiting).
