// Asio and Beast, compiled once for all files that use them
// (cmake/CsmDependencies.cmake).
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
