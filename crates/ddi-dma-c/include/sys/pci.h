/*
 * Offsets and bits of the configuration header of a PCI function.
 *
 * Left out: pci_config_get8(9F) and its kind, and the capabilities' insides. The configuration space of a PCI device of
 * this machine is its register set 0 (ddi_regs_map_setup(9F)); a simulated device has none.
 */
#ifndef DDI_DMA_SYS_PCI_H
#define DDI_DMA_SYS_PCI_H

#define PCI_CONF_HDR_SIZE 256

#define PCI_CONF_VENID 0x0
#define PCI_CONF_DEVID 0x2
#define PCI_CONF_COMM 0x4
#define PCI_CONF_STAT 0x6
#define PCI_CONF_REVID 0x8
#define PCI_CONF_PROGCLASS 0x9
#define PCI_CONF_SUBCLASS 0xA
#define PCI_CONF_BASCLASS 0xB
#define PCI_CONF_CACHE_LINESZ 0xC
#define PCI_CONF_LATENCY_TIMER 0xD
#define PCI_CONF_HEADER 0xE
#define PCI_CONF_BIST 0xF
#define PCI_CONF_BASE0 0x10
#define PCI_CONF_BASE1 0x14
#define PCI_CONF_BASE2 0x18
#define PCI_CONF_BASE3 0x1c
#define PCI_CONF_BASE4 0x20
#define PCI_CONF_BASE5 0x24
#define PCI_CONF_CIS 0x28
#define PCI_CONF_SUBVENID 0x2c
#define PCI_CONF_SUBSYSID 0x2e
#define PCI_CONF_ROM 0x30
#define PCI_CONF_CAP_PTR 0x34
#define PCI_CONF_ILINE 0x3c
#define PCI_CONF_IPIN 0x3d
#define PCI_CONF_MIN_G 0x3e
#define PCI_CONF_MAX_L 0x3f

/* PCI_CONF_COMM */
#define PCI_COMM_IO 0x1
#define PCI_COMM_MAE 0x2
#define PCI_COMM_ME 0x4
#define PCI_COMM_SPEC_CYC 0x8
#define PCI_COMM_MEMWR_INVAL 0x10
#define PCI_COMM_PALETTE_SNOOP 0x20
#define PCI_COMM_PARITY_DETECT 0x40
#define PCI_COMM_WAIT_CYC_ENAB 0x80
#define PCI_COMM_SERR_ENABLE 0x100
#define PCI_COMM_BACK2BACK_ENAB 0x200
#define PCI_COMM_INTX_DISABLE 0x400

/* PCI_CONF_STAT */
#define PCI_STAT_INTR 0x8
#define PCI_STAT_CAP 0x10
#define PCI_STAT_S_PERROR 0x100
#define PCI_STAT_S_TARG_AB 0x800
#define PCI_STAT_R_TARG_AB 0x1000
#define PCI_STAT_R_MAST_AB 0x2000
#define PCI_STAT_S_SYSERR 0x4000
#define PCI_STAT_PERROR 0x8000

#define PCI_BASE_SPACE_M 0x1
#define PCI_BASE_SPACE_IO 0x1
#define PCI_BASE_SPACE_MEM 0x0
#define PCI_BASE_TYPE_M 0x6
#define PCI_BASE_TYPE_MEM 0x0
#define PCI_BASE_TYPE_ALL 0x4
#define PCI_BASE_M_ADDR_M 0xfffffff0
#define PCI_BASE_IO_ADDR_M 0xfffffffc

#define PCI_EINVAL8 0xff
#define PCI_EINVAL16 0xffff
#define PCI_EINVAL32 0xffffffff

#endif /* DDI_DMA_SYS_PCI_H */
