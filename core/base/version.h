#ifndef CX_BASE_VERSION_H
#define CX_BASE_VERSION_H

#define CX_VERSION "0.1.0"

#endif
