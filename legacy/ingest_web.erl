%% @doc HTTP in front: paths, methods, parameters, and the answers that clients know.
-module(ingest_web).
-compile(tuple_calls).

-export([start_link/3]).
-export([loop/3]).

-define(ALLOW, {"Allow", "GET, HEAD, OPTIONS, POST"}).

start_link({Address, Port}, Queues, Writers) ->
    mochiweb_http:start_link([{name, ?MODULE},
                              {ip, Address},
                              {port, Port},
                              {nodelay, true},
                              {backlog, 1024},
                              {max, 8192},
                              {acceptor_pool_size, 64},
                              {loop, fun(Req) -> ?MODULE:loop(Req, Queues, Writers) end}]).

loop(Req, Queues, Writers) ->
    case {Req:get(method), endpoint(Req:get(path))} of
        {'OPTIONS', _} -> preflight(Req);
        {_, none} -> refuse(Req, 404);
        {'HEAD', _} -> answer(Req, verbose(Req:parse_qs()), {1, null});
        {'GET', Endpoint} -> take(Req, Endpoint, Req:parse_qs(), Queues, Writers);
        {'POST', Endpoint} ->
            take(Req, Endpoint, Req:parse_post() ++ Req:parse_qs(), Queues, Writers);
        {_, _} -> refuse(Req, 405)
    end.

endpoint("/track") -> track;
endpoint("/track/") -> track;
endpoint("/engage") -> engage;
endpoint("/engage/") -> engage;
endpoint(_) -> none.

take(Req, Endpoint, Params, {Events, Profiles}, Writers) ->
    Queue = case Endpoint of track -> Events; engage -> Profiles end,
    Stamp = {address(Req, flag("ip", Params)), epoch()},
    Store = fun(Body) -> kestrel_writer:store(Writers, Queue, Body) end,
    answer(Req, verbose(Params),
           ingest_events:take(Endpoint, proplists:get_value("data", Params), Stamp, Store)).

%% Who sent it: a front's X-Forwarded-For counts, which is what MochiWeb calls the peer.
address(_Req, false) ->
    none;
address(Req, true) ->
    try list_to_binary(Req:get(peer))
    catch error:_ -> socket_address(Req)
    end.

%% MochiWeb cannot take the last of no elements: an X-Forwarded-For that is empty or only commas.
socket_address(Req) ->
    {ok, {Address, _Port}} = mochiweb_socket:peername(Req:get(socket)),
    list_to_binary(inet_parse:ntoa(Address)).

epoch() ->
    {Mega, Seconds, _} = os:timestamp(),
    Mega * 1000000 + Seconds.

verbose(Params) -> flag("verbose", Params).

flag(Name, Params) ->
    not lists:member(proplists:get_value(Name, Params, ""), ["", "0", "false"]).

answer(Req, false, {Status, _Problem}) ->
    respond(Req, 200, "text/plain", [], integer_to_list(Status));
answer(Req, true, {Status, Problem}) ->
    Body = mochijson2:encode({struct, [{error, Problem}, {status, Status}]}),
    respond(Req, 200, "application/json", [], Body).

refuse(Req, 404) -> respond(Req, 404, "text/plain", [], "0");
refuse(Req, 405) -> respond(Req, 405, "text/plain", [?ALLOW], "0").

preflight(Req) ->
    Asked = case Req:get_header_value("Access-Control-Request-Headers") of
                undefined -> [];
                Names -> [{"Access-Control-Allow-Headers", Names}]
            end,
    respond(Req, 200, "text/plain",
            [?ALLOW,
             {"Access-Control-Allow-Methods", "GET, POST, OPTIONS"},
             {"Access-Control-Max-Age", "3600"} | Asked], "").

respond(Req, Code, Type, More, Body) ->
    Headers = [{"Content-Type", Type}, {"Cache-Control", "no-store"}] ++ cors(Req) ++ More,
    Req:respond({Code, Headers, Body}).

cors(Req) ->
    case Req:get_header_value("Origin") of
        undefined -> [{"Access-Control-Allow-Origin", "*"}];
        Origin -> [{"Access-Control-Allow-Origin", Origin},
                   {"Access-Control-Allow-Credentials", "true"}]
    end.
