# The libraries that design names, all of them Debian packages (packages.txt).
find_package(PkgConfig REQUIRED)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
pkg_check_modules(PCAP REQUIRED IMPORTED_TARGET libpcap)
pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(XML REQUIRED IMPORTED_TARGET libxml-2.0)
pkg_check_modules(DEFLATE REQUIRED IMPORTED_TARGET libdeflate)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)

# Debian's htp.pc names an include folder that does not exist, so it is found without it.
find_path(HTP_INCLUDE htp/htp.h REQUIRED)
find_library(HTP_LIBRARY htp REQUIRED)
add_library(htp INTERFACE)
target_include_directories(htp SYSTEM INTERFACE ${HTP_INCLUDE})
target_link_libraries(htp INTERFACE ${HTP_LIBRARY})
