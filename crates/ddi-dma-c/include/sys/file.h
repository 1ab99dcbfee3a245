/* Flags that open(9E) and ioctl(9E) are called with, beside the C library's <sys/file.h>. */
#ifndef DDI_DMA_SYS_FILE_H
#define DDI_DMA_SYS_FILE_H

#include <sys/types.h>

#include_next <sys/file.h>

#ifndef FREAD
#define FREAD 0x01
#endif
#ifndef FWRITE
#define FWRITE 0x02
#endif
#ifndef FNDELAY
#define FNDELAY 0x04
#endif
#ifndef FEXCL
#define FEXCL 0x0400
#endif
#ifndef FKIOCTL
#define FKIOCTL 0x80000000
#endif

#endif /* DDI_DMA_SYS_FILE_H */
