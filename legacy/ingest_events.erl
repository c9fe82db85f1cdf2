%% @doc From the `data' parameter to what lies on the queue: decode, check, stamp, store.
-module(ingest_events).

-export([take/4]).

-define(FAILED, <<"a temporary failure occurred">>).
-define(NO_DATA, <<"data, missing or empty">>).
-define(NO_BASE64, <<"data, invalid base64 encoding">>).
-define(NO_JSON, <<"data, invalid JSON">>).
-define(NO_OBJECT, <<"data, must be an object or a list of objects">>).

%% @doc Takes one payload and gives {Status, Problem}: status 1 when at least one event was good
%% and the queue confirmed every good one, and the first thing that was wrong, or null.
%% Stamp is {Address | none, EpochSeconds}; Store writes one body and says ok or {error, Why}.
take(Endpoint, Data, Stamp, Store) ->
    case decode(Data) of
        {ok, []} -> {0, ?NO_DATA};
        {ok, Items} when is_list(Items) ->
            verdict([event(Endpoint, Item, Stamp, Store) || Item <- Items]);
        {ok, Item} -> verdict([event(Endpoint, Item, Stamp, Store)]);
        {error, Problem} -> {0, Problem}
    end.

verdict(Outcomes) ->
    Problems = [Problem || {error, Problem} <- Outcomes],
    case {lists:member(?FAILED, Problems), Problems, lists:member(ok, Outcomes)} of
        {true, _, _} -> {0, ?FAILED};
        {false, [], true} -> {1, null};
        {false, [First | _], true} -> {1, First};
        {false, [First | _], false} -> {0, First}
    end.

decode(undefined) -> {error, ?NO_DATA};
decode("") -> {error, ?NO_DATA};
decode(Data) ->
    case plain_json(Data) of
        true -> json(list_to_binary(Data));
        false ->
            try base64:decode(Data) of
                Text -> json(Text)
            catch error:_ -> {error, ?NO_BASE64}
            end
    end.

%% Newer clients leave the base64 out.
plain_json([C | Rest]) when C =:= $\t; C =:= $\n; C =:= $\r; C =:= $\s -> plain_json(Rest);
plain_json([C | _]) -> C =:= ${ orelse C =:= $[;
plain_json([]) -> false.

json(Text) ->
    try {ok, mochijson2:decode(Text)}
    catch _:_ -> {error, ?NO_JSON}
    end.

event(Endpoint, {struct, Fields}, Stamp, Store) ->
    case check(Endpoint, Fields) of
        ok -> store({struct, stamp(Endpoint, Fields, Stamp)}, Store);
        Problem -> {error, Problem}
    end;
event(_Endpoint, _Other, _Stamp, _Store) ->
    {error, ?NO_OBJECT}.

store(Event, Store) ->
    try iolist_to_binary(mochijson2:encode(Event)) of
        Body -> case Store(Body) of ok -> ok; {error, _Why} -> {error, ?FAILED} end
    catch _:_ -> {error, ?NO_JSON}
    end.

check(track, Fields) ->
    case text(<<"event">>, Fields) of
        false -> <<"event, missing">>;
        true -> token(proplists:get_value(<<"properties">>, Fields))
    end;
check(engage, Fields) ->
    case {text(<<"$token">>, Fields), distinct_id(Fields)} of
        {false, _} -> <<"$token, missing or empty">>;
        {true, false} -> <<"$distinct_id, missing or empty">>;
        {true, true} -> ok
    end.

token({struct, Properties}) ->
    case text(<<"token">>, Properties) of
        true -> ok;
        false -> <<"token, missing or empty">>
    end;
token(_) ->
    <<"token, missing or empty">>.

distinct_id(Fields) ->
    text(<<"$distinct_id">>, Fields)
        orelse is_integer(proplists:get_value(<<"$distinct_id">>, Fields)).

text(Name, Fields) ->
    case proplists:get_value(Name, Fields) of
        Text when is_binary(Text) -> Text =/= <<>>;
        _ -> false
    end.

stamp(track, Fields, {Address, Time}) ->
    {struct, Properties} = proplists:get_value(<<"properties">>, Fields),
    Stamped = absent(<<"time">>, Time, absent(<<"ip">>, Address, Properties)),
    lists:keyreplace(<<"properties">>, 1, Fields, {<<"properties">>, {struct, Stamped}});
stamp(engage, Fields, {Address, Time}) ->
    absent(<<"$time">>, Time, absent(<<"$ip">>, Address, Fields)).

absent(_Name, none, Fields) -> Fields;
absent(Name, Value, Fields) ->
    case proplists:is_defined(Name, Fields) of
        true -> Fields;
        false -> Fields ++ [{Name, Value}]
    end.
