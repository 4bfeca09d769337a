"""Permissions: which functions only compute? The names that a query may call unasked, by dialect.

Nothing here writes, waits, locks, reaches a file, a network or another session, runs text as SQL, or makes the server
keep something. What is missing is asked about: a person adds a name in a minute, and a function that writes is for ever.
"""

from __future__ import annotations

from typing import Final

from midwatch.policy.sql.lexis import Dialect, vocabulary

_COMMON: Final = """
    abs acos asin atan atan2 avg cast ceil ceiling char_length character_length coalesce concat concat_ws corr cos cot
    count covar_pop covar_samp cume_dist current_date current_time current_timestamp current_user date degrees
    dense_rank exists exp extract first_value floor grouping lag last_value lead left length ln localtime localtimestamp
    log log10 lower lpad ltrim max min mod nth_value ntile nullif octet_length percent_rank percentile_cont
    percentile_disc pi position pow power radians rank replace reverse right round row_number rpad rtrim session_user
    sign sin sqrt stddev stddev_pop stddev_samp substr substring sum tan trim upper user var_pop var_samp variance
"""
_JSON_AGGREGATES: Final = "json_array json_arrayagg json_object json_objectagg json_query json_table json_value"
_OWN: Final[dict[Dialect, str]] = {
    "postgres": f"""
        {_JSON_AGGREGATES} acosd age any_value array_agg array_append array_cat array_dims array_length array_lower
        array_ndims array_position array_positions array_prepend array_remove array_replace array_to_json
        array_to_string array_upper ascii asind atan2d atand bit_and bit_length bit_or bit_xor bool_and bool_or btrim
        cardinality cbrt chr clock_timestamp convert_from convert_to cosd cosh current_catalog current_database
        current_role current_schema date_bin date_part date_trunc daterange decode div encode every factorial format gcd
        gen_random_uuid generate_series generate_subscripts greatest host initcap int4range int8range isempty isfinite
        json_agg json_array_elements json_array_elements_text json_array_length json_build_array json_build_object
        json_each json_each_text json_exists json_extract_path json_extract_path_text json_object_agg json_object_keys
        json_strip_nulls json_to_record json_to_recordset json_typeof jsonb_agg jsonb_array_elements
        jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text
        jsonb_exists jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_agg
        jsonb_object_keys jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array
        jsonb_path_query_first jsonb_pretty jsonb_set jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_typeof
        justify_days justify_hours justify_interval lcm least lower_inc make_date make_interval make_time make_timestamp
        make_timestamptz masklen md5 min_scale mode multirange netmask normalize now num_nonnulls num_nulls numnode
        numrange overlaps overlay parse_ident pg_typeof phraseto_tsquery plainto_tsquery querytree quote_ident
        quote_literal quote_nullable random range_agg range_merge regexp_count regexp_instr regexp_like regexp_match
        regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr regr_avgx regr_avgy
        regr_count regr_intercept regr_r2 regr_slope repeat row_to_json scale sha224 sha256 sha384 sha512 similarity
        sind sinh split_part sqrt starts_with statement_timestamp string_agg string_to_array string_to_table strip
        strpos tand tanh timeofday timezone to_ascii to_char to_date to_hex to_json to_jsonb to_number to_timestamp
        to_tsquery to_tsvector translate trim_array trim_scale trunc ts_headline ts_rank ts_rank_cd tsrange tstzrange
        unaccent unnest upper_inc version websearch_to_tsquery width_bucket word_similarity xmlagg xmlconcat xmlelement
        xmlforest
    """,
    "sqlite": """
        acosh asinh atanh bm25 changes char cosh datetime format glob group_concat hex highlight ifnull iif instr json
        json_array json_array_length json_each json_error_position json_extract json_group_array json_group_object
        json_insert json_object json_patch json_pretty json_quote json_remove json_replace json_set json_tree json_type
        json_valid jsonb jsonb_array jsonb_each jsonb_extract jsonb_group_array jsonb_group_object jsonb_insert
        jsonb_object jsonb_patch jsonb_remove jsonb_replace jsonb_set jsonb_tree julianday last_insert_rowid like
        likelihood likely log2 median nullif octet_length printf quote random sinh snippet soundex sqlite_version
        strftime string_agg tanh time timediff total total_changes trunc typeof unhex unicode unixepoch unlikely
    """,
    "mysql": f"""
        {_JSON_AGGREGATES} adddate addtime against any_value ascii bin bin_to_uuid bit_and bit_count bit_length bit_or
        bit_xor char conv convert convert_tz crc32 curdate current_role curtime database date_add date_format date_sub
        datediff day dayname dayofmonth dayofweek dayofyear elt export_set field find_in_set format format_bytes
        from_base64 from_days from_unixtime get_format greatest group_concat hex hour if ifnull inet6_aton inet6_ntoa
        inet_aton inet_ntoa instr interval is_ipv4 is_ipv6 is_uuid isnull json_array_append json_array_insert
        json_contains json_contains_path json_depth json_extract json_insert json_keys json_length json_merge_patch
        json_merge_preserve json_overlaps json_pretty json_quote json_remove json_replace json_schema_valid json_search
        json_set json_storage_size json_type json_unquote json_valid last_day lcase least locate log2 make_set makedate
        maketime match md5 microsecond mid minute month monthname now oct ord period_add period_diff quarter quote rand
        regexp_instr regexp_like regexp_replace regexp_substr repeat schema sec_to_time second sha sha1 sha2 soundex
        space st_astext st_distance std str_to_date strcmp subdate substring_index subtime sysdate time time_format
        time_to_sec timediff timestamp timestampadd timestampdiff to_base64 to_days to_seconds truncate ucase unhex
        unix_timestamp utc_date utc_time utc_timestamp uuid uuid_to_bin version week weekday weekofyear weight_string
        year yearweek
    """,
    "tsql": """
        approx_count_distinct ascii atn2 binary_checksum char charindex checksum choose convert count_big dateadd
        datediff datediff_big datefromparts datename datepart datetime2fromparts datetimefromparts datetrunc day db_name
        difference eomonth format generate_series getdate getutcdate greatest hashbytes iif isdate isjson isnull
        isnumeric json_array json_modify json_object json_path_exists json_query json_value least len log10 month nchar
        newid object_id object_name openjson parse parsename path patindex quotename rand raw replicate root
        smalldatetimefromparts soundex space square stdev stdevp str string_agg string_escape string_split stuff
        suser_sname switchoffset sysdatetime sysdatetimeoffset sysutcdatetime timefromparts todatetimeoffset translate
        try_cast try_convert try_parse unicode user_name var varp year
    """,
    "bigquery": """
        any_value approx_count_distinct approx_quantiles approx_top_count array array_agg array_concat array_concat_agg
        array_first array_last array_length array_reverse array_to_string ascii bit_and bit_count bit_or bit_xor
        byte_length chr code_points_to_string contains_substr count_if countif current_datetime date_add date_diff
        date_from_unix_date date_sub date_trunc datetime datetime_add datetime_diff datetime_sub datetime_trunc div
        ends_with farm_fingerprint format format_date format_datetime format_time format_timestamp from_base64 from_hex
        generate_array generate_date_array generate_timestamp_array generate_uuid greatest ieee_divide if ifnull initcap
        instr is_inf is_nan json_array json_extract json_extract_array json_extract_scalar json_extract_string_array
        json_keys json_object json_query json_query_array json_type json_value json_value_array last_day least
        logical_and logical_or md5 normalize offset ordinal parse_date parse_datetime parse_json parse_time
        parse_timestamp rand range_bucket regexp_contains regexp_extract regexp_extract_all regexp_instr regexp_replace
        repeat safe_add safe_cast safe_convert_bytes_to_string safe_divide safe_multiply safe_negate safe_offset
        safe_ordinal safe_subtract sha1 sha256 sha512 soundex split st_astext st_distance st_geogpoint starts_with
        string string_agg strpos struct time time_add time_diff time_sub time_trunc timestamp timestamp_add
        timestamp_diff timestamp_micros timestamp_millis timestamp_seconds timestamp_sub timestamp_trunc to_base64
        to_code_points to_hex to_json to_json_string translate trunc unicode unix_date unix_micros unix_millis
        unix_seconds unnest
    """,
    "snowflake": """
        add_months any_value approx_count_distinct array_agg array_append array_cat array_compact array_construct
        array_contains array_distinct array_size array_slice array_sort array_to_string as_varchar ascii base64_encode
        booland_agg boolor_agg charindex check_json chr contains convert_timezone count_if current_account
        current_database current_role current_schema current_warehouse date_from_parts date_part date_trunc dateadd
        datediff datename day dayname dayofmonth dayofweek dayofyear decode div0 div0null editdistance endswith
        equal_null flatten get get_path greatest hash hex_encode hour iff ifnull ilike initcap is_array is_integer
        is_null_value is_object last_day least like_all listagg md5 median minute mode month monthname months_between
        next_day nvl nvl2 object_agg object_construct object_keys parse_json quarter random regexp_count regexp_instr
        regexp_like regexp_replace regexp_substr regr_slope repeat rlike second sha1 sha2 soundex split split_part
        square startswith strtok strtok_to_array time time_slice timediff timestampadd timestampdiff to_array to_binary
        to_boolean to_char to_date to_decimal to_double to_json to_number to_numeric to_object to_time to_timestamp
        to_timestamp_ltz to_timestamp_ntz to_timestamp_tz to_varchar to_variant translate trunc truncate try_cast
        try_parse_json try_to_boolean try_to_date try_to_decimal try_to_double try_to_number try_to_timestamp typeof
        unicode uuid_string week weekofyear width_bucket year yearofweek zeroifnull
    """,
    "duckdb": """
        age any_value approx_count_distinct approx_quantile arg_max arg_min array_agg array_length array_slice
        array_to_string ascii bin bit_and bit_or bit_xor bool_and bool_or cbrt chr columns contains count_if countif
        date_add date_diff date_part date_sub date_trunc datediff datepart datetrunc day dayname dayofweek dayofyear
        element_at ends_with epoch epoch_ms even factorial first flatten format gcd gen_random_uuid generate_series
        greatest group_concat hash hex histogram hour if ifnull instr isfinite isinf isnan json json_array
        json_array_length json_contains json_extract json_extract_string json_group_array json_group_object json_keys
        json_object json_structure json_type json_valid kurtosis last last_day lcm least len levenshtein list
        list_aggregate list_append list_concat list_contains list_distinct list_extract list_filter list_has list_slice
        list_sort list_sum list_transform list_value listagg log2 mad make_date make_time make_timestamp map
        map_from_entries max_by md5 median min_by minute mode month monthname now nullif ord printf product quantile
        quantile_cont quantile_disc quarter random range regexp_extract regexp_extract_all regexp_full_match
        regexp_matches regexp_replace regexp_split_to_array repeat row_to_json second sha256 skewness split split_part
        starts_with str_split strftime string_agg string_split strip_accents strlen strpos strptime struct_extract
        struct_pack to_base to_days to_hours to_json to_minutes to_months to_seconds to_timestamp to_years today
        translate trunc try_cast try_strptime typeof unicode unnest uuid version week weekday weekofyear year yearweek
    """,
}
FUNCTIONS: Final[dict[Dialect, frozenset[str]]] = {
    dialect: vocabulary(_COMMON) | vocabulary(own) for dialect, own in _OWN.items()
}

RESERVED: Final = vocabulary(
    """
    all and any array as asc between by case cross cube desc distinct else except exists from group having in intersect
    interval is join lateral like limit materialized not on or rollup row select some then to top union unnest using
    values when where with
    """
)
"""Words of the language that a parenthesis may follow, and that are no function's name."""

CLAUSES: Final = vocabulary(
    """
    apply bernoulli columns exclude filter ilike index offset over pivot qualify regexp rlike sets similar system
    unpivot within zone
    """
)
"""Words that a parenthesis may follow behind an operand; where an expression begins, they are a function's name."""

OPENERS: Final = vocabulary(
    """
    all and between by case distinct else from having in join like limit on or returning select then when where
    """
)
"""Words behind which an expression or a table begins."""

SIZED_TYPES: Final = vocabulary(
    """
    bigint binary bit bpchar bytes char character datetime datetime2 datetimeoffset dec decimal double float int integer
    nchar number numeric nvarchar precision real smallint string time timestamp timestamptz timetz tinyint varbinary
    varbit varchar varying
    """
)
"""Types that are written with a size: `numeric(10, 2)`; where an expression begins, they are a function's name too."""
