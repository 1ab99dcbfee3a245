/*
 * Flags of a driver (cb_flag of cb_ops(9S)), and what drivers find through this header.
 *
 * Left out: tables of drivers, and the functions that open and close devices by number.
 */
#ifndef DDI_DMA_SYS_CONF_H
#define DDI_DMA_SYS_CONF_H

#include <sys/buf.h>
#include <sys/cred.h>
#include <sys/devops.h>
#include <sys/ksynch.h>
#include <sys/systm.h>
#include <sys/types.h>
#include <sys/uio.h>

#define D_NEW 0x00
#define D_HOTPLUG 0x4
#define D_TAPE 0x08
#define D_MTSAFE 0x0020
#define D_DEVMAP 0x100
#define D_64BIT 0x200
#define D_SYNCSTR 0x400
#define D_MTOCEXCL 0x0800
#define D_MTPUTSHARED 0x1000
#define D_MTPERQ 0x2000
#define D_MTQPAIR 0x4000
#define D_MTPERMOD 0x6000
#define D_MTOUTPERIM 0x8000
#define D_U64BIT 0x40000
#define D_OPEN_RETURNS_EINTR 0x100000
#define D_MP D_MTSAFE

#endif /* DDI_DMA_SYS_CONF_H */
