# What is run against the built binaries, and what reads the sources.

# Of src/ they know nothing but the HTTP client.
add_library(test_program STATIC support/program.cpp)
target_link_libraries(test_program PUBLIC test_support fmt::fmt)
target_include_directories(test_program PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
add_library(test_process STATIC support/bookstore_process.cpp)
target_link_libraries(test_process PUBLIC test_program bookstore_http)
target_include_directories(test_process PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_compile_definitions(test_process PUBLIC BOOKSTORE_BINARY="$<TARGET_FILE:bookstore>")
add_dependencies(test_process bookstore)
# A real Kafka, by scripts/kafka.
add_library(test_broker STATIC support/broker.cpp)
target_link_libraries(test_broker PUBLIC test_program)
target_compile_definitions(test_broker PRIVATE PROJECT_ROOT="${PROJECT_SOURCE_DIR}")

# The shipped gateway, a real nginx.
add_library(test_gateway STATIC support/gateway.cpp)
target_link_libraries(test_gateway PUBLIC test_process)
target_compile_definitions(test_gateway PRIVATE PROJECT_ROOT="${PROJECT_SOURCE_DIR}")

# A bookstore in several processes over that Kafka, behind that gateway.
add_library(test_kafka_shop STATIC support/kafka_shop.cpp)
target_link_libraries(test_kafka_shop PUBLIC test_broker test_gateway test_process)

add_library(test_story STATIC http/story.cpp)
target_link_libraries(test_story PUBLIC test_process test_kafka_shop)
target_include_directories(test_story PUBLIC http)
list(REMOVE_ITEM http_sources ${CMAKE_CURRENT_SOURCE_DIR}/http/story.cpp)
add_executable(http_tests ${http_sources} support/signing_key.cpp)
target_link_libraries(http_tests PRIVATE test_story test_invariants test_authority bookstore_auth)
target_compile_definitions(http_tests PRIVATE PROJECT_ROOT="${PROJECT_SOURCE_DIR}")
bookstore_test(http_tests concurrent ARGUMENTS --source-file-exclude=${http_second_half})
bookstore_test(http_tests AS http_tests_2 concurrent ARGUMENTS --source-file=${http_second_half})

# What any shop must do, in the forms of a split: a process a context, and two.
set(forms_sources "")
foreach(source seed_story cancel stock courier customer bad_body paging verification idempotency conditional)
    string(APPEND forms_sources "*/http/${source}_test.cpp,")
endforeach()
if(RDKAFKA_FOUND)
    foreach(form seven two)
        bookstore_test(http_tests AS forms_tests_${form} kafka ARGUMENTS --source-file=${forms_sources})
        set_tests_properties(forms_tests_${form} PROPERTIES ENVIRONMENT BOOKSTORE_FORM=${form} SKIP_RETURN_CODE 77)
    endforeach()
endif()

file(GLOB coupon_sources CONFIGURE_DEPENDS coupon/*.cpp)
add_executable(coupon_tests
    ${coupon_sources} support/bookstore_process.cpp support/gateway.cpp support/kafka_shop.cpp http/story.cpp)
target_link_libraries(coupon_tests PRIVATE test_broker test_invariants bookstore_http SQLite::SQLite3)
target_include_directories(coupon_tests PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_compile_definitions(coupon_tests PRIVATE
    BOOKSTORE_BINARY="$<TARGET_FILE:bookstore_with_coupon>" PROJECT_ROOT="${PROJECT_SOURCE_DIR}")
add_dependencies(coupon_tests bookstore_with_coupon)
bookstore_test(coupon_tests coupon)

# The pipe over Kafka: against librdkafka's mock cluster, and against a real broker.
if(RDKAFKA_FOUND)
    file(GLOB kafka_sources CONFIGURE_DEPENDS kafka/*.cpp)
    add_executable(kafka_tests ${kafka_sources})
    target_link_libraries(kafka_tests PRIVATE test_broker bookstore_kafka)
    bookstore_test(kafka_tests kafka)
endif()

# Bookstores that host some contexts each, and the gateway in front of them.
file(GLOB split_sources CONFIGURE_DEPENDS split/*.cpp)
add_executable(split_tests ${split_sources})
target_link_libraries(split_tests PRIVATE test_gateway test_story test_invariants)
target_compile_definitions(split_tests PRIVATE PROJECT_ROOT="${PROJECT_SOURCE_DIR}")
bookstore_test(split_tests concurrent)

# The same over a real Kafka: stories, refusals, a broker that is away, logs that are carried.
if(RDKAFKA_FOUND)
    file(GLOB split_kafka_sources CONFIGURE_DEPENDS split_kafka/*_test.cpp)
    list(REMOVE_ITEM split_kafka_sources ${CMAKE_CURRENT_SOURCE_DIR}/split_kafka/kill_test.cpp)
    add_executable(split_kafka_tests ${split_kafka_sources})
    target_link_libraries(split_kafka_tests PRIVATE test_story test_invariants)
    bookstore_test(split_kafka_tests kafka)
    set_tests_properties(split_kafka_tests PROPERTIES SKIP_RETURN_CODE 77)
endif()

# Backups of a running bookstore, restores, and the check of a directory.
file(GLOB backup_sources CONFIGURE_DEPENDS backup/*.cpp)
add_executable(backup_tests ${backup_sources})
target_link_libraries(backup_tests PRIVATE test_story test_invariants)
bookstore_test(backup_tests concurrent)

# Clients that note what they were promised, and what of it is broken in the end.
add_library(test_promises STATIC kill/workload.cpp kill/verdict.cpp)
target_link_libraries(test_promises PUBLIC test_process test_invariants)

# Hostile clients and full disks, against the real binary.
file(GLOB hostile_sources CONFIGURE_DEPENDS hostile/*.cpp)
add_executable(hostile_tests ${hostile_sources})
target_link_libraries(hostile_tests PRIVATE test_promises test_story test_authority)
bookstore_test(hostile_tests hostile)
bookstore_test(hostile_tests AS hostile_tests_tls hostile ARGUMENTS --source-file=*/clients_test.cpp)
set_tests_properties(hostile_tests_tls PROPERTIES ENVIRONMENT BOOKSTORE_TEST_TLS=1)

# What scripts/bench measures with, and pages of large collections in directories that it fills.
file(GLOB bench_test_sources CONFIGURE_DEPENDS bench/*.cpp)
add_executable(bench_tests ${bench_test_sources})
target_link_libraries(bench_tests PRIVATE test_story test_invariants)
target_compile_definitions(bench_tests PRIVATE
    BENCH_BINARY="$<TARGET_FILE:bookstore-bench>" CEILING_BINARY="$<TARGET_FILE:ceiling>")
add_dependencies(bench_tests bookstore-bench ceiling)
bookstore_test(bench_tests bench)

# docs/api.md is what the binary answers; scripts/api-docs writes it.
file(GLOB api_doc_sources CONFIGURE_DEPENDS api_doc/*.cpp)
add_executable(api_doc ${api_doc_sources})
target_link_libraries(api_doc PRIVATE test_process SQLite::SQLite3 Boost::json fmt::fmt)
bookstore_test(api_doc docs ARGUMENTS --check ${PROJECT_SOURCE_DIR}/docs/api.md)

# The binary is killed in all that it does: 20 rounds, or BOOKSTORE_KILL_ROUNDS. scripts/soak runs more.
add_library(test_rounds STATIC kill/rounds.cpp)
target_link_libraries(test_rounds PUBLIC test_promises CLI11::CLI11)
add_executable(kill_test kill/kill_test.cpp kill/victim.cpp kill/old_files.cpp)
target_link_libraries(kill_test PRIVATE test_rounds bookstore_storage)
bookstore_test(kill_test kill)
set_tests_properties(kill_test PROPERTIES TIMEOUT 7200)

# So are processes, broker and gateway of a split: 10 rounds, or BOOKSTORE_SPLIT_ROUNDS. scripts/soak --split runs more.
if(RDKAFKA_FOUND)
    add_executable(split_kill_test split_kafka/kill_test.cpp)
    target_link_libraries(split_kill_test PRIVATE test_rounds test_kafka_shop)
    bookstore_test(split_kill_test kafka kill)
    set_tests_properties(split_kill_test PROPERTIES TIMEOUT 7200 SKIP_RETURN_CODE 77)
endif()

# They read the sources.
file(GLOB lint_sources CONFIGURE_DEPENDS lint/*.cpp)
add_executable(lint_tests ${lint_sources})
target_link_libraries(lint_tests PRIVATE test_support)
target_compile_definitions(lint_tests PRIVATE PROJECT_ROOT="${PROJECT_SOURCE_DIR}")
bookstore_test(lint_tests lint)

# The console in a headless Chromium; without one, the cases say that they were skipped.
file(GLOB console_sources CONFIGURE_DEPENDS console/*.cpp)
add_executable(console_tests ${console_sources} split/processes.cpp)
target_link_libraries(console_tests PRIVATE test_story test_invariants bookstore_auth)
bookstore_test(console_tests console)
set_tests_properties(console_tests PROPERTIES TIMEOUT 1800)
