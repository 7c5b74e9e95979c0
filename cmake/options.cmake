# How everything is compiled.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_C_FLAGS_DEBUG "-O0 -g3")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O1 -g") # for the sanitizers; asserts stay on

option(CMSCOPE_WERROR "Treat warnings as errors" OFF)
option(CMSCOPE_SANITIZE "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(CMSCOPE_BENCH "Build the programs of bench/" OFF)
option(CMSCOPE_PLUGIN "Build the Wireshark plugin (needs Debian's wireshark-dev and libwireshark-dev)" OFF)
option(CMSCOPE_FUZZ "Build the libFuzzer harnesses (needs clang)" OFF)

add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Wpointer-arith -Wvla -Wstrict-prototypes -Wmissing-prototypes
                    -Wformat=2 -Wundef -Wwrite-strings -Wcast-qual -Wimplicit-fallthrough)
add_compile_options(-fstack-protector-strong -fno-strict-aliasing -fvisibility=hidden)
if(CMSCOPE_WERROR)
  add_compile_options(-Werror)
endif()
if(CMSCOPE_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(CMSCOPE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT CMSCOPE_SANITIZE)
  # What a fault in memory could be turned into is made harder; tests/check_hardening.py looks at the program.
  include(CheckCCompilerFlag)
  check_c_compiler_flag(-D_FORTIFY_SOURCE=3 fortify_3) # gcc 12, clang 9
  add_compile_options(-U_FORTIFY_SOURCE $<IF:$<BOOL:${fortify_3}>,-D_FORTIFY_SOURCE=3,-D_FORTIFY_SOURCE=2>)
  foreach(flag -fstack-clash-protection -fcf-protection=full)
    string(MAKE_C_IDENTIFIER "has${flag}" has)
    check_c_compiler_flag(${flag} ${has})
    if(${has}) # -fcf-protection: x86 only
      add_compile_options(${flag})
    endif()
  endforeach()
  include(CheckPIESupported)
  check_pie_supported(LANGUAGES C)
  add_link_options(LINKER:-z,relro,-z,now,-z,noexecstack)
  include(CheckIPOSupported)
  check_ipo_supported(RESULT ipo LANGUAGES C)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ${ipo})
  if(ipo AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-ffat-lto-objects) # for the tests, which are linked without it: that takes a fraction of the time
  endif()
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include_directories(${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
