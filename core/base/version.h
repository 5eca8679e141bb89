#ifndef CX_BASE_VERSION_H
#define CX_BASE_VERSION_H

#define CXD_VERSION "0.1.0"

#endif
